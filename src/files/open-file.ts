import type { Hash } from 'node:crypto';
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { DndError } from '../errors.js';

const open = promisify(fs.open);
const read = promisify(fs.read);
const write = promisify(fs.write);
const fstat = promisify(fs.fstat);
const ftruncate = promisify(fs.ftruncate);
const fsync = promisify(fs.fsync);

const LARGEST_WRITE = 2 ** 26;

/**
 * An open file. `FileHandle` of node:fs/promises is not used: a worker that is terminated while opening or closing one
 * leaks its descriptor. Node closes plain descriptors with the worker, even while they are being opened, until `close`
 * is called, which therefore must be synchronous.
 */
export class OpenFile {
  /** Updated with everything written. */
  hash: Hash | undefined;
  readonly #descriptor: number;
  #operations = 0;
  #idle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  private constructor(
    readonly path: string,
    descriptor: number,
  ) {
    this.#descriptor = descriptor;
  }

  /** Errors, here and of every method: those of node:fs. */
  static async open(path: string, flags: string): Promise<OpenFile> {
    return new OpenFile(path, await open(path, flags));
  }

  /** For a system call that returns before `close` can be called. Throws DISPOSED after `close`. */
  get descriptor(): number {
    if (this.#closing) throw new DndError('DISPOSED', `${this.path} has been closed`);
    return this.#descriptor;
  }

  /** @param position where to read. Default: where the last operation ended */
  async read(into: Uint8Array, position: number | null = null): Promise<number> {
    return this.#use(async (file) => (await read(file, into, 0, into.length, position)).bytesRead);
  }

  /** Writes all of `bytes`, also when the system accepts only part at a time. `position`: as of `read` */
  async write(bytes: Uint8Array, position: number | null = null): Promise<void> {
    const writing = this.#writeAll(bytes, position);
    // Hashing overlaps with the write on Node's thread pool.
    this.hash?.update(bytes);
    await writing;
  }

  async #writeAll(bytes: Uint8Array, position: number | null): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const piece = bytes.subarray(written, written + LARGEST_WRITE);
      const at = position === null ? null : position + written;
      written += await this.#use(async (file) => (await write(file, piece, 0, piece.length, at)).bytesWritten);
    }
  }

  stat(): Promise<fs.Stats> {
    return this.#use((file) => fstat(file));
  }

  truncate(bytes: number): Promise<void> {
    return this.#use((file) => ftruncate(file, bytes));
  }

  /** Flushes the content to the disk. */
  sync(): Promise<void> {
    return this.#use((file) => fsync(file));
  }

  /** Waits for pending operations, then closes the file. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#closeWhenIdle();
    return this.#closing;
  }

  async #closeWhenIdle(): Promise<void> {
    if (this.#operations > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    fs.closeSync(this.#descriptor);
  }

  async #use<T>(operation: (descriptor: number) => Promise<T>): Promise<T> {
    if (this.#closing) throw new DndError('DISPOSED', `${this.path} has been closed`);
    this.#operations++;
    try {
      return await operation(this.#descriptor);
    } finally {
      if (--this.#operations === 0) this.#idle?.();
    }
  }
}
