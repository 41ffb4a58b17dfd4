import { type LongOperation, steadyProgress } from '../../async/index.js';
import { DndError } from '../../errors.js';
import { CollectedWrites, type WrittenFiles, writeFileAtomically } from '../../files/index.js';
import { quote } from '../../validation/index.js';
import {
  ALIGNMENT_KEY,
  aligned,
  DEFAULT_ALIGNMENT,
  isAlignment,
  LONGEST_KEY,
  LONGEST_TENSOR_NAME,
  MAGIC,
  MOST_AXES,
} from './header.js';
import { GGML_TYPES, type GgmlType, ggmlBytes } from './tensor-types.js';
import { type GgufMetadata, type GgufValue, type GgufValueType, NUMBER_ARRAYS, VALUE_TYPES } from './values.js';

const VERSION = 3;

/** A tensor to be written. Its bytes are requested only when needed, so that they need not all be in memory. */
export interface GgufTensorSource {
  name: string;
  /** In ggml's order: the contiguous axis first. */
  shape: readonly number[];
  type: GgmlType;
  /** As they shall be in the file, in pieces of any size. A piece may be reused once the next is requested. */
  bytes(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface GgufWriteOptions extends LongOperation, WrittenFiles {}

function invalid(path: string, what: string): DndError {
  return new DndError('INVALID_ARGUMENT', `${path}: ${what}`);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function text(value: string): Buffer[] {
  const bytes = Buffer.from(value);
  return [uint64(bytes.length), bytes];
}

function typeId(type: GgufValueType): Buffer {
  return uint32(VALUE_TYPES.indexOf(type));
}

function bytesOf(values: NodeJS.TypedArray): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

/** A value with its type before it. */
function valueBytes(value: GgufValue): Buffer[] {
  if (value.type === 'string') return [typeId(value.type), ...text(value.value)];
  if (value.type === 'bool') return [typeId(value.type), Buffer.of(value.value ? 1 : 0)];
  if (value.type !== 'array') {
    const one = new NUMBER_ARRAYS[value.type](1);
    (one as unknown as (number | bigint)[])[0] = value.value;
    return [typeId(value.type), bytesOf(one)];
  }
  const { of, values } = value.value;
  const head = [typeId('array'), typeId(of), uint64(values.length)];
  if (of === 'string') return [...head, ...values.flatMap(text)];
  if (of === 'bool') return [...head, Buffer.from(Array.from(values, Number))];
  return [...head, bytesOf(values)];
}

/** @throws DndError INVALID_ARGUMENT for what no reader accepts */
function byteLengthOf({ name, shape, type }: GgufTensorSource, path: string): number {
  if (Buffer.byteLength(name) > LONGEST_TENSOR_NAME || /\p{Surrogate}/u.test(name)) {
    throw invalid(path, `${quote(name)} cannot be the name of a tensor; at most ${LONGEST_TENSOR_NAME} bytes of UTF-8`);
  }
  const bytes = ggmlBytes(type, shape);
  const possible = shape.length >= 1 && shape.length <= MOST_AXES && shape.every((size) => size >= 1);
  if (possible && shape.every(Number.isSafeInteger) && bytes !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw invalid(
    path,
    `tensor ${quote(name)} cannot be ${type} of shape [${shape.join(', ')}]: 1 to ${MOST_AXES} axes of at least 1 are ` +
      `possible, the first one a multiple of ${GGML_TYPES[type].blockElements}`,
  );
}

function alignmentOf(metadata: GgufMetadata, path: string): number {
  const value = metadata.get(ALIGNMENT_KEY);
  if (value === undefined) return DEFAULT_ALIGNMENT;
  if (value.type === 'uint32' && isAlignment(value.value)) return value.value;
  throw invalid(path, `${ALIGNMENT_KEY} must be a power of two, as uint32`);
}

interface Planned {
  tensor: GgufTensorSource;
  byteLength: number;
  /** Zeros after it, so that the next is aligned. */
  padding: number;
}

function plan(
  path: string,
  metadata: GgufMetadata,
  tensors: readonly GgufTensorSource[],
): { header: Buffer; planned: Planned[] } {
  const alignment = alignmentOf(metadata, path);
  const parts: Buffer[] = [Buffer.from(MAGIC), uint32(VERSION), uint64(tensors.length), uint64(metadata.size)];
  for (const [key, value] of metadata) {
    if (Buffer.byteLength(key) > LONGEST_KEY) throw invalid(path, `the metadata key ${quote(key)} is too long`);
    parts.push(...text(key), ...valueBytes(value));
  }
  const names = new Set<string>();
  const planned: Planned[] = [];
  let offset = 0;
  for (const tensor of tensors) {
    const { name, shape, type } = tensor;
    if (names.has(name)) throw invalid(path, `two tensors are named ${quote(name)}`);
    names.add(name);
    const byteLength = byteLengthOf(tensor, path);
    parts.push(...text(name), uint32(shape.length), ...shape.map(uint64), uint32(GGML_TYPES[type].id), uint64(offset));
    const end = aligned(offset + byteLength, alignment);
    planned.push({ tensor, byteLength, padding: end - offset - byteLength });
    offset = end;
  }
  const header = Buffer.concat(parts);
  return { header: Buffer.concat([header], aligned(header.length, alignment)), planned };
}

const WRITE_BYTES = 2 ** 22;

/**
 * Writes a GGUF file of version 3, atomically; metadata and tensors in the given order, every tensor padded to the
 * alignment (`general.alignment`, or 32), as llama.cpp writes them.
 * @throws DndError DISK_FULL, NOT_WRITABLE, INVALID_ARGUMENT for invalid names and shapes, SHAPE_MISMATCH when a source
 * gives a byte count that does not match its shape; `signal.reason` after an abort
 */
export async function writeGguf(
  path: string,
  metadata: GgufMetadata,
  tensors: readonly GgufTensorSource[],
  options: GgufWriteOptions = {},
): Promise<void> {
  const { header, planned } = plan(path, metadata, tensors);
  const total = planned.reduce((sum, { byteLength, padding }) => sum + byteLength + padding, 0);
  const report = steadyProgress(options.onProgress);
  await writeFileAtomically(
    path,
    async (file) => {
      const writer = new CollectedWrites(file, Math.min(WRITE_BYTES, header.length + total));
      let written = 0;
      const add = async (piece: Uint8Array) => {
        await writer.add(piece);
        written += piece.byteLength;
        if (written < total) report(written / total);
      };
      await writer.add(header);
      for (const { tensor, byteLength, padding } of planned) {
        let own = 0;
        for await (const piece of tensor.bytes()) {
          options.signal?.throwIfAborted();
          own += piece.byteLength;
          if (own > byteLength) break;
          await add(piece);
        }
        if (own !== byteLength) {
          const shape = `${tensor.type} [${tensor.shape.join(', ')}]`;
          const got = own > byteLength ? `${own} or more` : String(own);
          throw new DndError(
            'SHAPE_MISMATCH',
            `${path}: tensor ${quote(tensor.name)}, ${shape}, takes ${byteLength} bytes, not ${got}`,
          );
        }
        if (padding > 0) await add(new Uint8Array(padding));
      }
      await writer.end();
    },
    { signal: options.signal, onWritten: options.onWritten, expectedBytes: header.length + total },
  );
  report(1);
}
