import { type LongOperation, steadyProgress } from '../../async/index.js';
import { DndError } from '../../errors.js';
import { type WrittenFiles, writeFileAtomically } from '../../files/index.js';
import { quote } from '../../validation/index.js';
import { DTYPES, type Dtype, elementCount } from '../dtypes.js';
import { MAX_HEADER_BYTES, PREFIX_BYTES } from './header.js';
import { METADATA_KEY } from './reader.js';

/** A tensor to be written. Its bytes are requested only when needed, so that they need not all be in memory. */
export interface TensorSource {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  /**
   * The little-endian elements in row-major order, in pieces of any size. A piece may be reused once the next is
   * requested.
   */
  bytes(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface WriteOptions extends LongOperation, WrittenFiles {
  metadata?: Readonly<Record<string, string>> | undefined;
}

const DTYPE_ORDER = Object.keys(DTYPES);

export function byteLengthOf(tensor: TensorSource): number {
  return elementCount(tensor.shape) * DTYPES[tensor.dtype].bytes;
}

/**
 * The reference writer's order, so that the same tensors give the same file: wide elements first, so that every tensor
 * is aligned without gaps, then by name (as UTF-8 bytes).
 */
function fileOrder(tensors: readonly TensorSource[]): TensorSource[] {
  const keyed = tensors.map((tensor) => ({ tensor, name: Buffer.from(tensor.name) }));
  keyed.sort(
    (a, b) =>
      DTYPE_ORDER.indexOf(a.tensor.dtype) - DTYPE_ORDER.indexOf(b.tensor.dtype) || Buffer.compare(a.name, b.name),
  );
  return keyed.map(({ tensor }) => tensor);
}

function checkNames(tensors: readonly TensorSource[], path: string): void {
  const names = new Set<string>();
  for (const { name } of tensors) {
    if (name === METADATA_KEY || /\p{Surrogate}/u.test(name)) {
      throw new DndError('INVALID_ARGUMENT', `${path}: ${quote(name)} cannot be the name of a tensor`);
    }
    if (names.has(name)) throw new DndError('INVALID_ARGUMENT', `${path}: two tensors are named ${quote(name)}`);
    names.add(name);
  }
}

function headerBytes(ordered: readonly TensorSource[], options: WriteOptions, path: string): Buffer {
  const entries: string[] = [];
  if (options.metadata !== undefined) {
    const pairs = Object.entries(options.metadata).sort(([a], [b]) => (a < b ? -1 : 1));
    const members = pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    entries.push(`"${METADATA_KEY}":{${members.join(',')}}`);
  }
  let offset = 0;
  for (const tensor of ordered) {
    const end = offset + byteLengthOf(tensor);
    if (!tensor.shape.every((size) => Number.isSafeInteger(size) && size >= 0) || !Number.isSafeInteger(end)) {
      const message = `${path}: tensor ${quote(tensor.name)} has the impossible shape [${tensor.shape.join(', ')}]`;
      throw new DndError('INVALID_ARGUMENT', message);
    }
    const description = `"dtype":"${tensor.dtype}","shape":[${tensor.shape.join(',')}],"data_offsets":[${offset},${end}]`;
    entries.push(`${JSON.stringify(tensor.name)}:{${description}}`);
    offset = end;
  }
  const json = Buffer.from(`{${entries.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) {
    throw new DndError('INVALID_ARGUMENT', `${path}: names and metadata take more than ${MAX_HEADER_BYTES} bytes`);
  }
  const bytes = Buffer.alloc(PREFIX_BYTES + length, ' ');
  bytes.writeBigUInt64LE(BigInt(length));
  json.copy(bytes, PREFIX_BYTES);
  return bytes;
}

/**
 * Writes a safetensors file, atomically; the same tensors and metadata always give the same bytes.
 * @throws DndError DISK_FULL, NOT_WRITABLE, INVALID_ARGUMENT for invalid names, SHAPE_MISMATCH when a source gives a
 * byte count that does not match its shape; `signal.reason` after an abort
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorSource[],
  options: WriteOptions = {},
): Promise<void> {
  checkNames(tensors, path);
  const ordered = fileOrder(tensors);
  const header = headerBytes(ordered, options, path);
  const total = ordered.reduce((sum, tensor) => sum + byteLengthOf(tensor), 0);
  const report = steadyProgress(options.onProgress);
  let written = 0;
  await writeFileAtomically(
    path,
    async (file) => {
      await file.write(header);
      for (const tensor of ordered) {
        const expected = byteLengthOf(tensor);
        const mismatch = (got: string) =>
          new DndError(
            'SHAPE_MISMATCH',
            `${path}: tensor ${quote(tensor.name)}, ${tensor.dtype} [${tensor.shape.join(', ')}], takes ${expected} bytes, not ${got}`,
          );
        let own = 0;
        for await (const piece of tensor.bytes()) {
          options.signal?.throwIfAborted();
          own += piece.byteLength;
          if (own > expected) throw mismatch(`${own} or more`);
          await file.write(piece);
          written += piece.byteLength;
          if (written < total) report(written / total);
        }
        if (own !== expected) throw mismatch(String(own));
      }
    },
    { signal: options.signal, onWritten: options.onWritten, expectedBytes: header.length + total },
  );
  report(1);
}
