import type { OpenFile } from './open-file.js';

/**
 * Writes pieces of any size in few writes: they are copied into one of two buffers, and while one is being written the
 * other is filled.
 */
export class CollectedWrites {
  readonly #file: OpenFile;
  readonly #bytes: number;
  #filling: Buffer;
  /** Its bytes are on their way to the file, if any. */
  #spare: Buffer | undefined;
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();

  /** @param bytes of a buffer; larger pieces are cut */
  constructor(file: OpenFile, bytes: number) {
    this.#file = file;
    this.#bytes = Math.max(1, bytes);
    this.#filling = Buffer.allocUnsafe(this.#bytes);
  }

  /** Errors, which may be those of an earlier piece: those of `OpenFile.write`. */
  async add(piece: Uint8Array): Promise<void> {
    for (let taken = 0; taken < piece.byteLength; ) {
      if (this.#filled === this.#bytes) await this.#flush();
      const part = piece.subarray(taken, taken + this.#bytes - this.#filled);
      this.#filling.set(part, this.#filled);
      this.#filled += part.byteLength;
      taken += part.byteLength;
    }
  }

  /** Waits until all is written. */
  async end(): Promise<void> {
    if (this.#filled > 0) await this.#flush();
    await this.#writing;
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const full = this.#filling;
    this.#writing = this.#file.write(full.subarray(0, this.#filled));
    // Awaited before the next write; until then a rejection must not count as unhandled.
    this.#writing.catch(() => {});
    this.#filling = this.#spare ?? Buffer.allocUnsafe(this.#bytes);
    this.#spare = full;
    this.#filled = 0;
  }
}
