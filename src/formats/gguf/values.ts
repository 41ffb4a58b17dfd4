import { DndError } from '../../errors.js';
import { errorMessage } from '../../validation/index.js';

/** The types of metadata values, in the order of the numbers by which files name them. Source: the GGUF specification. */
export const VALUE_TYPES = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
  'array',
  'uint64',
  'int64',
  'float64',
] as const;

export type GgufValueType = (typeof VALUE_TYPES)[number];

/** Arrays of arrays are in no file that llama.cpp reads, and are not supported. */
export type GgufElementType = Exclude<GgufValueType, 'array'>;

export type NumberType = 'uint8' | 'int8' | 'uint16' | 'int16' | 'uint32' | 'int32' | 'float32' | 'float64';
export type BigIntType = 'uint64' | 'int64';

/** Numbers of an array, of the same type as in the file. */
export type GgufNumbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

export type GgufArray =
  | { of: 'string'; values: readonly string[] }
  | { of: 'bool'; values: readonly boolean[] }
  | { of: NumberType | BigIntType; values: GgufNumbers };

/** A metadata value with the type it has in the file: readers such as llama.cpp abort on another type. */
export type GgufValue =
  | { type: NumberType; value: number }
  | { type: BigIntType; value: bigint }
  | { type: 'bool'; value: boolean }
  | { type: 'string'; value: string }
  | { type: 'array'; value: GgufArray };

export type GgufMetadata = ReadonlyMap<string, GgufValue>;

/** How arrays of each numeric type are held, which also gives the size of one value. */
export const NUMBER_ARRAYS = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
} as const;

export function isNumeric(type: GgufValueType): type is NumberType | BigIntType {
  return Object.hasOwn(NUMBER_ARRAYS, type);
}

/** What is asked of a metadata value below: the source and the key, for the error. */
export function wrongType(source: string, key: string, expected: string, value: GgufValue): DndError {
  return new DndError(
    'CORRUPT_FILE',
    errorMessage({
      what: `${source}: metadata ${key}`,
      problem: 'has the wrong type',
      expected,
      shown: value.type === 'array' ? `an array of ${value.value.of}` : value.type,
    }),
  );
}

/**
 * A text of the metadata; undefined where the key is missing.
 * @throws DndError CORRUPT_FILE for a value of another type
 */
export function metadataText(metadata: GgufMetadata, key: string, source: string): string | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (value.type !== 'string') throw wrongType(source, key, 'string', value);
  return value.value;
}

/**
 * A non-negative whole number of the metadata, of any integer type (writers differ); undefined where the key is missing.
 * @throws DndError CORRUPT_FILE for a value of another type, a negative one, or one beyond exact integers
 */
export function metadataCount(metadata: GgufMetadata, key: string, source: string): number | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (!/^u?int/.test(value.type)) throw wrongType(source, key, 'an integer', value);
  const count = Number(value.value);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new DndError(
    'CORRUPT_FILE',
    errorMessage({
      what: `${source}: metadata ${key}`,
      problem: 'is not valid',
      expected: 'a whole number from 0',
      shown: String(value.value),
    }),
  );
}
