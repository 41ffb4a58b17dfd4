import { crc32 } from 'node:zlib';
import { eventLoopYielder } from '../../async/index.js';
import { DndError } from '../../errors.js';
import { quote } from '../../validation/index.js';
import { allocateTensor } from '../allocate.js';
import { DTYPES, elementCount, isFloatDtype, toFloat32 } from '../dtypes.js';
import type { ChunkOptions, TensorChunk, TensorInfo, TensorReader } from '../safetensors/index.js';
import { corrupt, unsupported } from './errors.js';
import type { StoredTensor } from './pickle-values.js';
import { openRecords, type Records } from './records.js';
import { namedTensors } from './state-dict.js';
import { elementsOf, gather, isContiguous, repeatsElements, spanOf } from './strides.js';
import type { StoredEntry } from './zip-file.js';

const DEFAULT_CHUNK_BYTES = 2 ** 22;
/** One is read, one yielded, and two are still with the caller. */
const RING_BUFFERS = 4;
/** Converting this many bytes takes about a millisecond. */
const CONVERT_BYTES = 2 ** 19;
/** Of a view whose elements repeat: a few bytes of file could stand for any amount of memory. */
const LARGEST_REPEATED_BYTES = 2 ** 24;

interface Placed {
  info: TensorInfo;
  tensor: StoredTensor;
  entry: StoredEntry;
  contiguous: boolean;
}

/**
 * The tensors of a file that `torch.save` wrote, from an untrusted source: a zip archive of storages and a pickle that
 * describes views of them. Structure and views are validated when it is opened, without running anything; tensors are
 * read one at a time, and a storage's checksum is checked whenever it is read, so that an archive of any size can be
 * opened. Names are the keys that lead to a tensor, joined by dots; a tensor saved alone is called `tensor`.
 * @throws DndError in every method: FILE_NOT_FOUND or READ_FAILED if the file cannot be read, CORRUPT_FILE if its bytes
 * are invalid; UNSUPPORTED_FORMAT, by name, for anything but tensors and plain values, other formats of PyTorch,
 * compressed or encrypted entries; INVALID_ARGUMENT for an unknown tensor name
 */
export class PytorchArchive implements TensorReader {
  readonly metadata: Readonly<Record<string, string>> = {};
  readonly #records: Records;
  readonly #placed: ReadonlyMap<string, Placed>;
  readonly #verified = new Map<StoredEntry, Promise<void>>();
  #closed = false;

  private constructor(
    readonly path: string,
    records: Records,
    placed: ReadonlyMap<string, Placed>,
  ) {
    this.#records = records;
    this.#placed = placed;
    this.tensors = new Map(Array.from(placed, ([name, { info }]) => [name, info]));
  }

  readonly tensors: ReadonlyMap<string, TensorInfo>;

  /** Reads and checks everything but the storages. The file stays open until `close`. */
  static async open(path: string): Promise<PytorchArchive> {
    const records = await openRecords(path);
    try {
      const placed = Array.from(namedTensors(records.value, path), ([name, tensor]) => place(name, tensor, records));
      // In the order of their bytes.
      placed.sort((a, b) => a.info.byteOffset - b.info.byteOffset);
      return new PytorchArchive(path, records, new Map(placed.map((one) => [one.info.name, one])));
    } catch (error) {
      await records.zip.close();
      throw error;
    }
  }

  /** Its own; as of a set of files. */
  get paths(): string[] {
    return [this.path];
  }

  #find(name: string): Placed {
    if (this.#closed) throw new DndError('DISPOSED', `${this.path} has been closed`);
    const placed = this.#placed.get(name);
    if (!placed) throw new DndError('INVALID_ARGUMENT', `${this.path} has no tensor ${quote(name)}`);
    return placed;
  }

  /** Bytes of one tensor; of any view, in row-major order. */
  async read(name: string): Promise<Uint8Array<ArrayBuffer>> {
    const placed = this.#find(name);
    const { byteLength } = placed.info;
    const bytes = allocateTensor(byteLength, this.path, name);
    if (!placed.contiguous) {
      await this.#gather(placed, bytes);
      return bytes;
    }
    let done = 0;
    for await (const piece of this.#pieces(placed, DEFAULT_CHUNK_BYTES, true)) {
      bytes.set(piece, done);
      done += piece.length;
    }
    return bytes;
  }

  async readFloat32(name: string): Promise<Float32Array<ArrayBuffer>> {
    const { info } = this.#find(name);
    if (!isFloatDtype(info.dtype)) {
      throw new DndError('UNSUPPORTED_FORMAT', `${this.path}: tensor ${quote(name)} is ${info.dtype}, not a float`);
    }
    if (info.dtype === 'F32') return new Float32Array((await this.read(name)).buffer);
    const result = allocateTensor(elementCount(info.shape) * DTYPES.F32.bytes, this.path, name);
    const values = new Float32Array(result.buffer);
    const yieldToEventLoop = eventLoopYielder();
    for await (const { elementOffset, bytes } of this.chunks(name, CONVERT_BYTES)) {
      values.set(toFloat32(bytes, info.dtype), elementOffset);
      await yieldToEventLoop();
    }
    return values;
  }

  /**
   * Pieces of a contiguous tensor come straight from the file; any other view is in memory as a whole.
   */
  async *chunks(
    name: string,
    maxBytes: number = DEFAULT_CHUNK_BYTES,
    { recycled = false }: ChunkOptions = {},
  ): AsyncGenerator<TensorChunk, void, void> {
    const placed = this.#find(name);
    const elementBytes = DTYPES[placed.info.dtype].bytes;
    const chunkBytes = Math.max(1, Math.floor(maxBytes / elementBytes)) * elementBytes;
    let start = 0;
    for await (const bytes of placed.contiguous
      ? this.#pieces(placed, chunkBytes, recycled)
      : this.#slices(name, chunkBytes)) {
      yield { elementOffset: start / elementBytes, bytes };
      start += bytes.length;
    }
  }

  async *#slices(name: string, chunkBytes: number): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    const whole = await this.read(name);
    for (let start = 0; start < whole.length; start += chunkBytes) yield whole.slice(start, start + chunkBytes);
  }

  /** The next piece is read while the caller processes one. */
  async *#pieces(
    placed: Placed,
    pieceBytes: number,
    recycled: boolean,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    const { entry, info, tensor } = placed;
    const begin = tensor.offset * DTYPES[info.dtype].bytes;
    // A tensor that is its storage is checked on the way.
    const checks = this.#records.checksums && info.byteLength === entry.bytes && !this.#verified.has(entry);
    if (!checks) await this.#verify(entry);
    let checksum = 0;
    for await (const piece of this.#ranges(entry, begin, info.byteLength, pieceBytes, recycled)) {
      if (checks) checksum = crc32(piece, checksum);
      this.#find(info.name);
      yield piece;
    }
    if (checks && info.byteLength > 0) this.#checkSum(entry, checksum);
  }

  async *#ranges(
    entry: StoredEntry,
    begin: number,
    length: number,
    pieceBytes: number,
    recycled: boolean,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    const ring: Uint8Array<ArrayBuffer>[] = [];
    const read = async (start: number) => {
      const size = Math.min(pieceBytes, length - start);
      const memory = ring.length === RING_BUFFERS ? ring.shift()! : new Uint8Array(size);
      if (recycled) ring.push(memory);
      const bytes = memory.subarray(0, size);
      await this.#records.zip.read(entry, begin + start, bytes);
      return bytes;
    };
    let pending = length > 0 ? read(0) : undefined;
    for (let start = 0; pending !== undefined; start += pieceBytes) {
      const bytes = await pending;
      pending = start + pieceBytes < length ? read(start + pieceBytes) : undefined;
      // Awaited in the next round; until then a rejection must not count as unhandled.
      pending?.catch(() => {});
      yield bytes;
    }
  }

  #checkSum(entry: StoredEntry, found: number): void {
    if (found === entry.crc32) {
      this.#verified.set(entry, Promise.resolve());
      return;
    }
    throw corrupt(this.path, `the checksum of its entry ${quote(entry.name)} is wrong: its bytes are damaged`);
  }

  /** Checks a storage of which a part is read; once, since many tensors may share it. */
  #verify(entry: StoredEntry): Promise<void> {
    if (!this.#records.checksums) return Promise.resolve();
    let verifying = this.#verified.get(entry);
    if (verifying === undefined) {
      verifying = (async () => {
        let checksum = 0;
        for await (const piece of this.#ranges(entry, 0, entry.bytes, DEFAULT_CHUNK_BYTES, true)) {
          checksum = crc32(piece, checksum);
        }
        this.#checkSum(entry, checksum);
      })();
      this.#verified.set(entry, verifying);
    }
    return verifying;
  }

  async #gather({ entry, info, tensor }: Placed, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#verify(entry);
    const elementBytes = DTYPES[info.dtype].bytes;
    const windowElements = Math.max(DEFAULT_CHUNK_BYTES / elementBytes, repeatsElements(tensor) ? spanOf(tensor) : 0);
    const load = async (start: number) => {
      this.#find(info.name);
      const elements = Math.min(windowElements, tensor.storage.elements - start);
      const window = new Uint8Array(elements * elementBytes);
      await this.#records.zip.read(entry, start * elementBytes, window);
      return elementsOf(window, elementBytes);
    };
    await gather({ view: tensor, out: elementsOf(bytes, elementBytes), load, pause: eventLoopYielder() });
  }

  /** Waits for pending reads, then closes the file. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#records.zip.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function place(name: string, tensor: StoredTensor, { zip, storages }: Records): Placed {
  const { storage, shape, offset } = tensor;
  const entry = storages(storage, name);
  const elementBytes = DTYPES[storage.dtype].bytes;
  const byteLength = elementCount(shape) * elementBytes;
  const repeats = repeatsElements(tensor);
  if (!Number.isSafeInteger(byteLength))
    throw corrupt(zip.path, `tensor ${quote(name)} has a shape whose size overflows`);
  if (repeats && Math.max(byteLength, spanOf(tensor) * elementBytes) > LARGEST_REPEATED_BYTES) {
    throw unsupported(
      zip.path,
      `tensor ${quote(name)} repeats the elements of its storage, up to ${byteLength} bytes`,
      'Save it as tensor.contiguous()',
    );
  }
  const byteOffset = entry.dataOffset + (byteLength === 0 ? 0 : offset * elementBytes);
  const info = { name, dtype: storage.dtype, shape: [...shape], byteOffset, byteLength };
  return { info, tensor, entry, contiguous: isContiguous(tensor) };
}
