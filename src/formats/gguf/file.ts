import { constants } from 'node:buffer';
import { stat } from 'node:fs/promises';
import { DndError } from '../../errors.js';
import { OpenFile, readError, readExactly } from '../../files/index.js';
import { quote } from '../../validation/index.js';
import type { TensorPlace } from '../tensor-place.js';
import { corrupt } from './errors.js';
import { type GgufTensor, readHeader } from './header.js';
import { HeaderBytes } from './header-bytes.js';
import type { GgufMetadata } from './values.js';

const DEFAULT_CHUNK_BYTES = 2 ** 22;

async function readAt(file: OpenFile, path: string, position: number, length: number): Promise<Buffer<ArrayBuffer>> {
  let bytes: Buffer<ArrayBuffer>;
  try {
    bytes = Buffer.from(new ArrayBuffer(length));
  } catch (cause) {
    throw new DndError('OUT_OF_MEMORY', `${path}: not enough memory to read ${length} bytes`, { cause });
  }
  await readExactly(file, bytes, position, path, () => corrupt(path, 'it became shorter while it was being read'));
  return bytes;
}

/**
 * A GGUF file from an untrusted source: the whole header is validated, and tensors are read one at a time, so that a file
 * of any size can be opened.
 * @throws DndError in every method: FILE_NOT_FOUND or READ_FAILED if the file cannot be read, CORRUPT_FILE if its bytes
 * are invalid, UNSUPPORTED_FORMAT or NEWER_FORMAT for other versions, INVALID_ARGUMENT for an unknown tensor name
 */
export class GgufFile {
  readonly #file: OpenFile;
  #closed = false;

  private constructor(
    readonly path: string,
    readonly version: number,
    readonly metadata: GgufMetadata,
    /** In the order of their bytes. */
    readonly tensors: ReadonlyMap<string, GgufTensor>,
    file: OpenFile,
  ) {
    this.#file = file;
  }

  /** Reads and checks the header. The file stays open until `close`. */
  static async open(path: string): Promise<GgufFile> {
    let file: OpenFile | undefined;
    try {
      // Opening a pipe would wait for its other end.
      if (!(await stat(path)).isFile()) throw new DndError('READ_FAILED', `${path} cannot be read: it is not a file`);
      const opened = await OpenFile.open(path, 'r');
      file = opened;
      const { size } = await opened.stat();
      const bytes = new HeaderBytes(path, size, (position, length) => readAt(opened, path, position, length));
      const { version, metadata, tensors } = await readHeader(bytes);
      return new GgufFile(path, version, metadata, tensors, opened);
    } catch (error) {
      await file?.close();
      throw readError(error, path);
    }
  }

  #info(name: string): GgufTensor {
    if (this.#closed) throw new DndError('DISPOSED', `${this.path} has been closed`);
    const info = this.tensors.get(name);
    if (!info) throw new DndError('INVALID_ARGUMENT', `${this.path} has no tensor ${quote(name)}`);
    return info;
  }

  /** Where the bytes of one tensor are. */
  place(name: string): TensorPlace {
    const { offset, bytes } = this.#info(name);
    return { descriptor: this.#file.descriptor, path: this.path, byteOffset: offset, byteLength: bytes };
  }

  /** The bytes of one tensor as they are in the file, in their own ArrayBuffer. */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const { offset, bytes } = this.#info(name);
    if (bytes > constants.MAX_LENGTH) {
      const message = `${this.path}: tensor ${quote(name)} is too large to be read at once (${bytes} bytes)`;
      throw new DndError('OUT_OF_MEMORY', `${message}; read it in pieces, with chunks()`);
    }
    return new Uint8Array((await readAt(this.#file, this.path, offset, bytes)).buffer);
  }

  /**
   * The bytes of one tensor in pieces, each in its own ArrayBuffer.
   * @param pieceBytes of each but the last; a multiple of the type's block for whole blocks
   */
  async *chunks(
    name: string,
    pieceBytes: number = DEFAULT_CHUNK_BYTES,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    const { offset, bytes } = this.#info(name);
    for (let start = 0; start < bytes; start += pieceBytes) {
      this.#info(name);
      const length = Math.min(pieceBytes, bytes - start);
      yield new Uint8Array((await readAt(this.#file, this.path, offset + start, length)).buffer);
    }
  }

  /** Waits for pending reads, then closes the file. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
