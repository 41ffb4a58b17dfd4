import { isUtf8 } from 'node:buffer';
import { quote } from '../../validation/index.js';
import { corrupt } from './errors.js';

const PIECE_BYTES = 2 ** 18;

/**
 * What a header may take in this process, by `spend`: far above any real file (Gemma 3, with 262,144 tokens, takes 30 MB),
 * and small enough for any machine.
 */
const MEMORY_LIMIT = 2 ** 27;
/** V8's own bytes of a small string and of the reference to it. Each byte of a string is read, and takes up to two more. */
const STRING_MEMORY = 32;
const MEMORY_PER_BYTE = 3;
const REPLACEMENT = '\ufffd';

/**
 * The bytes of a header in order, read in pieces. Every length that comes from the file is first compared with what is
 * left of it and with the memory limit.
 */
export class HeaderBytes {
  #piece: Buffer = Buffer.alloc(0);
  /** Offset in the file of the piece's first byte. */
  #pieceStart = 0;
  #at = 0;
  #memory = 0;

  /** @param readAt exactly these bytes of the file, which it has */
  constructor(
    readonly path: string,
    readonly fileBytes: number,
    readonly readAt: (position: number, length: number) => Promise<Buffer>,
  ) {}

  /** Offset in the file of the next byte. */
  get position(): number {
    return this.#pieceStart + this.#at;
  }

  get remaining(): number {
    return this.fileBytes - this.position;
  }

  /** Counts memory that the header takes. */
  spend(bytes: number, what: string): void {
    this.#memory += bytes;
    if (this.#memory <= MEMORY_LIMIT) return;
    throw corrupt(this.path, `its header takes more than ${MEMORY_LIMIT} bytes of memory, exceeded at ${what}`);
  }

  /** Whether the next `length` bytes can be taken without reading. */
  has(length: number): boolean {
    return this.#piece.length - this.#at >= length;
  }

  /** Reads on, where necessary, until `has(length)`. */
  async need(length: number, what: string): Promise<void> {
    if (this.has(length)) return;
    if (length > this.remaining) {
      throw corrupt(this.path, `it is truncated: ${what} takes ${length} bytes, but only ${this.remaining} are left`);
    }
    const start = this.position;
    const bytes = Math.min(Math.max(length, PIECE_BYTES), this.remaining);
    this.#piece = await this.readAt(start, bytes);
    this.#pieceStart = start;
    this.#at = 0;
  }

  /** After `need`: the next bytes, as a view that is valid until the next `need`. */
  take(length: number): Buffer {
    const start = this.#at;
    this.#at += length;
    return this.#piece.subarray(start, this.#at);
  }

  /** What has been read and not taken yet, up to so many bytes. */
  peek(length: number): Buffer {
    return this.#piece.subarray(this.#at, this.#at + length);
  }

  takeUint32(): number {
    const value = this.#piece.readUInt32LE(this.#at);
    this.#at += 4;
    return value;
  }

  takeUint64(): bigint {
    const value = this.#piece.readBigUInt64LE(this.#at);
    this.#at += 8;
    return value;
  }

  async uint32(what: string): Promise<number> {
    await this.need(4, what);
    return this.takeUint32();
  }

  /** A number of things of which each takes at least `leastBytes` of the rest of the file. */
  async count(what: string, leastBytes: number): Promise<number> {
    await this.need(8, what);
    return this.takeCount(what, leastBytes);
  }

  takeCount(what: string, leastBytes: number): number {
    const count = this.takeUint64();
    const possible = Math.floor(this.remaining / leastBytes);
    if (count <= possible) return Number(count);
    throw corrupt(this.path, `it claims ${count} ${what}; the rest of the file has room for ${possible}`);
  }

  /**
   * A string: its length and its UTF-8.
   * @param mostBytes the longest that the format allows
   */
  async string(what: string, mostBytes = this.fileBytes): Promise<string> {
    await this.need(8, what);
    const length = this.takeCount(`bytes of ${what}`, 1);
    if (length > mostBytes) {
      throw corrupt(this.path, `${what} has ${length} bytes; at most ${mostBytes} are allowed`);
    }
    this.spend(STRING_MEMORY + MEMORY_PER_BYTE * length, what);
    await this.need(length, what);
    return this.#takeText(length, what);
  }

  /** Strings that follow one another, without a promise for each. */
  async strings(count: number, what: string): Promise<string[]> {
    const strings: string[] = [];
    while (strings.length < count) {
      await this.need(8, what);
      const length = this.takeCount(`bytes of ${what}`, 1);
      this.spend(STRING_MEMORY + MEMORY_PER_BYTE * length, what);
      if (!this.has(length)) await this.need(length, what);
      strings.push(this.#takeText(length, what));
      while (strings.length < count && this.has(8)) {
        const next = Number(this.#piece.readBigUInt64LE(this.#at));
        if (!this.has(8 + next)) break;
        this.#at += 8;
        this.spend(STRING_MEMORY + MEMORY_PER_BYTE * next, what);
        strings.push(this.#takeText(next, what));
      }
    }
    return strings;
  }

  #takeText(length: number, what: string): string {
    const start = this.#at;
    this.#at += length;
    const text = this.#piece.toString('utf8', start, this.#at);
    // The replacement character is also what decoding puts in the place of invalid bytes.
    if (text.includes(REPLACEMENT) && !isUtf8(this.#piece.subarray(start, this.#at))) {
      throw corrupt(this.path, `${what} is not UTF-8: ${quote(text)}`);
    }
    return text;
  }
}
