import { GGML_TYPES, type GgmlType, type GgufValue } from '../../src/formats/gguf/index.js';
import { NUMBER_ARRAYS, VALUE_TYPES } from '../../src/formats/gguf/values.js';

/** The parts of a GGUF file, for tests that need them wrong: written without any check, by the specification. */

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function uint64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

export function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([uint64(bytes.length), bytes]);
}

export const valueTypeId = (type: string) => (VALUE_TYPES as readonly string[]).indexOf(type);

/** A metadata entry; numbers are uint32. */
export function entry(key: string, value: string | number | Buffer): Buffer {
  if (Buffer.isBuffer(value)) return Buffer.concat([text(key), value]);
  if (typeof value === 'string') return Buffer.concat([text(key), uint32(valueTypeId('string')), text(value)]);
  return Buffer.concat([text(key), uint32(valueTypeId('uint32')), uint32(value)]);
}

export interface TensorParts {
  name: string;
  shape: readonly (number | bigint)[];
  type: GgmlType | number;
  offset: number | bigint;
}

export function tensorInfo({ name, shape, type, offset }: TensorParts): Buffer {
  const id = typeof type === 'number' ? type : GGML_TYPES[type].id;
  return Buffer.concat([text(name), uint32(shape.length), ...shape.map(uint64), uint32(id), uint64(offset)]);
}

export interface FileParts {
  magic?: string;
  version?: Buffer;
  tensorCount?: number | bigint;
  metadataCount?: number | bigint;
  metadata?: readonly Buffer[];
  tensors?: readonly Buffer[];
  alignment?: number;
  data?: Uint8Array;
}

export function ggufBytes(parts: FileParts = {}): Buffer {
  const { metadata = [], tensors = [], alignment = 32, data = new Uint8Array() } = parts;
  const header = Buffer.concat([
    Buffer.from(parts.magic ?? 'GGUF'),
    parts.version ?? uint32(3),
    uint64(parts.tensorCount ?? tensors.length),
    uint64(parts.metadataCount ?? metadata.length),
    ...metadata,
    ...tensors,
  ]);
  const padding = Buffer.alloc(Math.ceil(header.length / alignment) * alignment - header.length);
  return Buffer.concat([header, padding, data]);
}

/** One value of every type that metadata can have, with numbers at their limits. */
export function everyValue(): Map<string, GgufValue> {
  const values = new Map<string, GgufValue>([
    ['text', { type: 'string', value: 'é\ufffd\0 𝄞' }],
    ['yes', { type: 'bool', value: true }],
    ['uint64', { type: 'uint64', value: 2n ** 64n - 1n }],
    ['int64', { type: 'int64', value: -(2n ** 63n) }],
    ['float64', { type: 'float64', value: 1e300 }],
    ['float32', { type: 'float32', value: -0.5 }],
    ['uint8', { type: 'uint8', value: 255 }],
    ['int8', { type: 'int8', value: -128 }],
    ['uint16', { type: 'uint16', value: 65_535 }],
    ['int16', { type: 'int16', value: -32_768 }],
    ['uint32', { type: 'uint32', value: 2 ** 32 - 1 }],
    ['int32', { type: 'int32', value: -(2 ** 31) }],
    ['tokens', { type: 'array', value: { of: 'string', values: ['', 'a', 'Ġthe', '\u{1f600}'] } }],
    ['flags', { type: 'array', value: { of: 'bool', values: [true, false] } }],
    ['none', { type: 'array', value: { of: 'string', values: [] } }],
  ]);
  for (const [type, Numbers] of Object.entries(NUMBER_ARRAYS)) {
    const numbers = new Numbers(3);
    const one = type.endsWith('64') && !type.startsWith('float') ? 1n : 1;
    (numbers as unknown as (number | bigint)[])[1] = one;
    values.set(`${type} array`, {
      type: 'array',
      value: { of: type as keyof typeof NUMBER_ARRAYS, values: numbers },
    });
  }
  return values;
}
