import type { Dtype } from '../dtypes.js';
import type { TensorPlace } from '../tensor-place.js';

/** The header's key for texts that describe the file as a whole. */
export const METADATA_KEY = '__metadata__';

export interface TensorInfo {
  name: string;
  dtype: Dtype;
  shape: number[];
  /** Offset of its first byte in its file. */
  byteOffset: number;
  byteLength: number;
}

export interface TensorChunk {
  /** Index within the tensor of the chunk's first element. */
  elementOffset: number;
  /** Whole elements, in their own memory. */
  bytes: Uint8Array<ArrayBuffer>;
}

/** A part of a tensor, or all of it: a view of bytes that were read together with its neighbours'. */
export interface TensorPiece {
  info: TensorInfo;
  /** Index within the tensor of the piece's first element. */
  elementOffset: number;
  /** Whole elements. */
  bytes: Uint8Array<ArrayBuffer>;
}

/** How chunks are read. */
export interface ChunkOptions {
  /**
   * Use the memory of a chunk again once the second one after it is requested: for streams, which spend most of their time
   * on new memory otherwise. Default: false.
   */
  recycled?: boolean | undefined;
}

/** Named tensors in one or several files. Errors of every method: see `SafetensorsFile`. */
export interface TensorReader {
  /** The path that was opened, for error messages. */
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The exact bytes of one tensor, in their own ArrayBuffer. */
  read(name: string): Promise<Uint8Array<ArrayBuffer>>;
  /** One tensor of any floating dtype, as float32. */
  readFloat32(name: string): Promise<Float32Array<ArrayBuffer>>;
  /** One tensor in pieces of at most `maxBytes` (default: 4 MiB). */
  chunks(name: string, maxBytes?: number, options?: ChunkOptions): AsyncIterable<TensorChunk>;
  /** Where a tensor is, in a format whose files have the bytes of tensors as they are. */
  place?(name: string): TensorPlace;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
