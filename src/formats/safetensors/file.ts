import { stat } from 'node:fs/promises';
import { eventLoopYielder } from '../../async/index.js';
import { DndError } from '../../errors.js';
import { OpenFile, readError, readExactly, SNIFFED_BYTES, whatItIs } from '../../files/index.js';
import { quote } from '../../validation/index.js';
import { allocateTensor } from '../allocate.js';
import {
  DTYPES,
  type Dtype,
  elementCount,
  type FloatDtype,
  intoFloat32,
  isFloatDtype,
  wholeElements,
} from '../dtypes.js';
import type { TensorPlace } from '../tensor-place.js';
import { corrupt, headerLength, PREFIX_BYTES, parseHeader } from './header.js';
import type { ChunkOptions, TensorChunk, TensorInfo, TensorPiece, TensorReader } from './reader.js';

export const DEFAULT_CHUNK_BYTES = 2 ** 22;
const FLOATS = Object.keys(DTYPES)
  .filter((dtype) => isFloatDtype(dtype as Dtype))
  .join(', ');
/** Converting this many values takes about a millisecond. */
const CONVERT_BYTES = 2 ** 19;

async function readPart(file: OpenFile, into: Uint8Array, position: number, path: string, what: string): Promise<void> {
  await readExactly(file, into, position, path, () => corrupt(path, `it became shorter while ${what} was being read`));
}

/**
 * A safetensors file from an untrusted source: the whole header is validated, and tensors are read one at a time, so
 * that a file of any size can be opened.
 * @throws DndError in every method: FILE_NOT_FOUND or READ_FAILED if the file cannot be read, CORRUPT_FILE if its bytes
 * are invalid, UNSUPPORTED_FORMAT for an unsupported dtype, INVALID_ARGUMENT for an unknown tensor name
 */
export class SafetensorsFile implements TensorReader {
  readonly #file: OpenFile;
  #closed = false;

  private constructor(
    readonly path: string,
    readonly metadata: Readonly<Record<string, string>>,
    readonly tensors: ReadonlyMap<string, TensorInfo>,
    file: OpenFile,
  ) {
    this.#file = file;
  }

  /** Reads and checks the header. The file stays open until `close`. */
  static async open(path: string): Promise<SafetensorsFile> {
    let file: OpenFile | undefined;
    let start = new Uint8Array();
    try {
      // Opening a pipe would wait for its other end.
      if (!(await stat(path)).isFile()) throw new DndError('READ_FAILED', `${path} cannot be read: it is not a file`);
      file = await OpenFile.open(path, 'r');
      const { size } = await file.stat();
      start = new Uint8Array(Math.min(size, SNIFFED_BYTES));
      await readPart(file, start, 0, path, 'its first bytes');
      const prefix = start.subarray(0, PREFIX_BYTES);
      const header = new Uint8Array(headerLength(prefix, size, path));
      await readPart(file, header, PREFIX_BYTES, path, 'its header');
      const { metadata, tensors } = parseHeader(header, size, path);
      return new SafetensorsFile(path, metadata, tensors, file);
    } catch (error) {
      await file?.close();
      const other =
        error instanceof DndError && error.code === 'CORRUPT_FILE' ? whatItIs(start, 'safetensors') : undefined;
      throw other === undefined ? readError(error, path) : corrupt(path, other);
    }
  }

  #info(name: string): TensorInfo {
    if (this.#closed) throw new DndError('DISPOSED', `${this.path} has been closed`);
    const info = this.tensors.get(name);
    if (!info) throw new DndError('INVALID_ARGUMENT', `${this.path} has no tensor ${quote(name)}`);
    return info;
  }

  async #readRange(info: TensorInfo, start: number, byteLength: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = allocateTensor(byteLength, this.path, info.name);
    await readPart(this.#file, bytes, info.byteOffset + start, this.path, `tensor ${quote(info.name)}`);
    return bytes;
  }

  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const info = this.#info(name);
    return this.#readRange(info, 0, info.byteLength);
  }

  #float(name: string): { info: TensorInfo; dtype: FloatDtype } {
    const info = this.#info(name);
    const { dtype } = info;
    if (isFloatDtype(dtype)) return { info, dtype };
    throw new DndError(
      'UNSUPPORTED_FORMAT',
      `${this.path}: tensor ${quote(name)} is ${dtype}; expected ${FLOATS}. Convert it first`,
    );
  }

  async readFloat32(name: string): Promise<Float32Array<ArrayBuffer>> {
    const { info, dtype } = this.#float(name);
    const result = allocateTensor(elementCount(info.shape) * DTYPES.F32.bytes, this.path, name);
    if (dtype === 'F32') {
      await readPart(this.#file, result, info.byteOffset, this.path, `tensor ${quote(name)}`);
      return new Float32Array(result.buffer);
    }
    const values = new Float32Array(result.buffer);
    const yieldToEventLoop = eventLoopYielder();
    for await (const { elementOffset, bytes } of this.chunks(name, CONVERT_BYTES)) {
      intoFloat32(bytes, dtype, values.subarray(elementOffset));
      await yieldToEventLoop();
    }
    return values;
  }

  /**
   * Several tensors of any floating dtypes, as float32, in file order: many small ones take few reads. Neighbours share
   * an ArrayBuffer.
   */
  async *readManyFloat32(
    names: ReadonlySet<string>,
  ): AsyncGenerator<{ info: TensorInfo; values: Float32Array<ArrayBuffer> }, void, void> {
    for (const name of names) this.#float(name);
    const yieldToEventLoop = eventLoopYielder();
    let open: Float32Array<ArrayBuffer> = new Float32Array();
    for await (const pieces of this.pieces(DEFAULT_CHUNK_BYTES, ({ name }) => names.has(name))) {
      const begun = pieces.filter(({ elementOffset }) => elementOffset === 0);
      const elements = begun.reduce((sum, { info }) => sum + elementCount(info.shape), 0);
      const [first] = pieces;
      const memory = allocateTensor(elements * DTYPES.F32.bytes, this.path, first!.info.name).buffer;
      let used = 0;
      for (const { info, elementOffset, bytes } of pieces) {
        if (elementOffset === 0) {
          const count = elementCount(info.shape);
          open = new Float32Array(memory, used, count);
          used += count * DTYPES.F32.bytes;
        }
        const dtype = info.dtype as FloatDtype;
        intoFloat32(bytes, dtype, open.subarray(elementOffset));
        await yieldToEventLoop();
        if (elementOffset + bytes.byteLength / DTYPES[dtype].bytes === open.length) yield { info, values: open };
      }
    }
    // Those of no bytes are in no piece.
    for (const name of names) {
      const info = this.#info(name);
      if (info.byteLength === 0) yield { info, values: new Float32Array() };
    }
  }

  async *chunks(
    name: string,
    maxBytes: number = DEFAULT_CHUNK_BYTES,
    { recycled = false }: ChunkOptions = {},
  ): AsyncGenerator<TensorChunk, void, void> {
    const info = this.#info(name);
    const elementBytes = DTYPES[info.dtype].bytes;
    const chunkBytes = wholeElements(maxBytes, info.dtype);
    const memory: Uint8Array<ArrayBuffer>[] = [];
    for (let start = 0; start < info.byteLength; start += chunkBytes) {
      this.#info(name);
      const length = Math.min(chunkBytes, info.byteLength - start);
      const used = recycled && memory.length === 2 ? memory.shift()! : allocateTensor(length, this.path, name);
      if (recycled) memory.push(used);
      const bytes = used.subarray(0, length);
      await readPart(this.#file, bytes, info.byteOffset + start, this.path, `tensor ${quote(name)}`);
      yield { elementOffset: start / elementBytes, bytes };
    }
  }

  place(name: string): TensorPlace {
    const { byteOffset, byteLength } = this.#info(name);
    return { descriptor: this.#file.descriptor, path: this.path, byteOffset, byteLength };
  }

  /**
   * All tensors, or those that `wanted` selects, in file order. Neighbours are read together: many small tensors take a
   * few large reads.
   * @param maxBytes of one read; larger tensors come in several pieces
   */
  async *pieces(
    maxBytes: number = DEFAULT_CHUNK_BYTES,
    wanted: (info: TensorInfo) => boolean = () => true,
  ): AsyncGenerator<TensorPiece[], void, void> {
    for (const parts of partsTogether([...this.tensors.values()].filter(wanted), maxBytes)) {
      const [first] = parts;
      const begin = first!.info.byteOffset + first!.start;
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      this.#info(first!.info.name);
      const bytes = allocateTensor(length, this.path, first!.info.name);
      await readPart(this.#file, bytes, begin, this.path, `tensor ${quote(first!.info.name)}`);
      yield parts.map(({ info, start, length: own }) => {
        const offset = info.byteOffset + start - begin;
        return { info, elementOffset: start / DTYPES[info.dtype].bytes, bytes: bytes.subarray(offset, offset + own) };
      });
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

interface Part {
  info: TensorInfo;
  /** In bytes, from the tensor's first. */
  start: number;
  length: number;
}

/** Cuts tensors into parts of whole elements; those that follow one another in the file are grouped to `maxBytes`. */
function* partsTogether(tensors: readonly TensorInfo[], maxBytes: number): Generator<Part[], void, void> {
  let group: Part[] = [];
  let remaining = maxBytes;
  let end = -1;
  for (const info of tensors) {
    if (info.byteOffset !== end) remaining = 0;
    end = info.byteOffset + info.byteLength;
    const smallest = wholeElements(0, info.dtype);
    for (let start = 0; start < info.byteLength; ) {
      if (remaining < smallest) {
        if (group.length > 0) yield group;
        group = [];
        remaining = maxBytes;
      }
      const length = Math.min(info.byteLength - start, wholeElements(remaining, info.dtype));
      group.push({ info, start, length });
      start += length;
      remaining -= length;
    }
  }
  if (group.length > 0) yield group;
}
