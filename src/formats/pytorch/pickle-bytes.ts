import { PickleFault } from './allowed-globals.js';

const NEWLINE = 10;
const LONGEST_GLOBAL = 512;
/** Larger integers mean nothing in a state dict. */
const MOST_INTEGER_BYTES = 255;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads the arguments of pickle's operations, in bounds. Numbers are little-endian, floats big-endian. */
export class PickleBytes {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get position(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  #advance(bytes: number): number {
    const start = this.#at;
    if (bytes > this.#bytes.length - start) throw new PickleFault('it is truncated');
    this.#at = start + bytes;
    return start;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  /** A length; beyond the range of exact integers it exceeds any pickle. */
  uint64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  float64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  raw(bytes: number): Uint8Array {
    const start = this.#advance(bytes);
    return this.#bytes.subarray(start, start + bytes);
  }

  text(bytes: number): string {
    try {
      return UTF8.decode(this.raw(bytes));
    } catch (error) {
      if (error instanceof PickleFault) throw error;
      throw new PickleFault('a text is not UTF-8');
    }
  }

  /** Up to a newline, which is not part of it. */
  line(): string {
    const end = this.#bytes.indexOf(NEWLINE, this.#at);
    if (end === -1 || end - this.#at > LONGEST_GLOBAL) throw new PickleFault('a name has no end');
    const line = this.text(end - this.#at);
    this.#advance(1);
    return line;
  }

  /** In two's complement. */
  integer(bytes: number): number | bigint {
    if (bytes > MOST_INTEGER_BYTES) throw new PickleFault(`an integer has ${bytes} bytes`);
    let value = 0n;
    for (const byte of this.raw(bytes).toReversed()) value = (value << 8n) | BigInt(byte);
    value = BigInt.asIntN(8 * bytes, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
}
