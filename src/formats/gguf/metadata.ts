import { type GgufMetadata, type GgufNumbers, isNumeric, wrongType } from './values.js';

/**
 * A number of the metadata, of any numeric type; undefined where the key is missing.
 * @throws DndError CORRUPT_FILE for a value of another type
 */
export function metadataNumber(metadata: GgufMetadata, key: string, source: string): number | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (value.type === 'string' || value.type === 'bool' || value.type === 'array')
    throw wrongType(source, key, 'a number', value);
  return Number(value.value);
}

/**
 * A boolean of the metadata; undefined where the key is missing.
 * @throws DndError CORRUPT_FILE for a value of another type
 */
export function metadataFlag(metadata: GgufMetadata, key: string, source: string): boolean | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (value.type !== 'bool') throw wrongType(source, key, 'bool', value);
  return value.value;
}

/**
 * A list of texts of the metadata; undefined where the key is missing.
 * @throws DndError CORRUPT_FILE for a value of another type
 */
export function metadataTexts(metadata: GgufMetadata, key: string, source: string): readonly string[] | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (value.type === 'array' && value.value.of === 'string') return value.value.values;
  throw wrongType(source, key, 'an array of string', value);
}

/**
 * A list of numbers of the metadata; undefined where the key is missing.
 * @throws DndError CORRUPT_FILE for a value of another type
 */
export function metadataNumbers(metadata: GgufMetadata, key: string, source: string): GgufNumbers | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (value.type === 'array' && isNumeric(value.value.of)) return value.value.values as GgufNumbers;
  throw wrongType(source, key, 'an array of numbers', value);
}
