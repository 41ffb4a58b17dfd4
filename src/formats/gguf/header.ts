import { DndError } from '../../errors.js';
import { SNIFFED_BYTES, whatItIs } from '../../files/index.js';
import { quote } from '../../validation/index.js';
import { corrupt, unsupported } from './errors.js';
import type { HeaderBytes } from './header-bytes.js';
import { type GgmlType, ggmlBytes, ggmlTypeOf } from './tensor-types.js';
import { type GgufValue, isNumeric, metadataCount, NUMBER_ARRAYS, VALUE_TYPES } from './values.js';

export const MAGIC = 'GGUF';
/** Version 2 has the same structure as version 3, which only added big-endian files. */
export const VERSIONS = [2, 3] as const;
export const ALIGNMENT_KEY = 'general.alignment';
export const DEFAULT_ALIGNMENT = 32;
/** ggml's own limits of tensors: GGML_MAX_NAME with its NUL, and GGML_MAX_DIMS. */
export const LONGEST_TENSOR_NAME = 63;
export const MOST_AXES = 4;
/** The specification's. */
export const LONGEST_KEY = 65_535;
const LARGEST_ALIGNMENT = 2 ** 20;

/** V8's own bytes of one entry of a map: an upper bound, so that counts are limited. */
const ENTRY_MEMORY = 256;
/** The fewest bytes of a metadata entry (empty key, one byte) and of a tensor's description (empty name, no axis). */
const LEAST_METADATA_BYTES = 13;
const LEAST_TENSOR_BYTES = 24;

export interface GgufTensor {
  name: string;
  /** In ggml's order: the contiguous axis first, which is the reverse of PyTorch's. One to four axes. */
  shape: number[];
  type: GgmlType;
  /** Of its first byte in the file. */
  offset: number;
  /** How many bytes it has. */
  bytes: number;
}

export interface GgufHeader {
  version: number;
  metadata: Map<string, GgufValue>;
  /** In the order of their bytes. */
  tensors: Map<string, GgufTensor>;
}

/** Checks the version: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, "File Structure". */
async function readVersion(header: HeaderBytes): Promise<number> {
  const { path } = header;
  await header.need(MAGIC.length, 'the magic number');
  const start = header.peek(SNIFFED_BYTES);
  const magic = header.take(MAGIC.length).toString('latin1');
  if (magic !== MAGIC) {
    throw corrupt(path, whatItIs(start, 'gguf') ?? `it begins with ${quote(magic)} instead of ${quote(MAGIC)}`);
  }
  const version = await header.uint32('the version');
  if ((VERSIONS as readonly number[]).includes(version)) return version;
  if (version !== 0 && version % 2 ** 16 === 0) {
    throw unsupported(
      path,
      'it is a big-endian GGUF file, which is not supported; convert it on a little-endian machine',
    );
  }
  if (version === 1) {
    throw unsupported(path, 'it is of GGUF version 1, which is not supported; convert the model again, as version 3');
  }
  const message = `it is of GGUF version ${version}; this version of dnd-lora reads ${VERSIONS.join(' and ')}`;
  throw version > 3 ? new DndError('NEWER_FORMAT', `${path}: ${message}`) : corrupt(path, message);
}

async function readArray(header: HeaderBytes, what: string): Promise<GgufValue> {
  const type = VALUE_TYPES[await header.uint32(`the element type of ${what}`)];
  if (type === undefined) throw corrupt(header.path, `${what} is an array of an unknown type`);
  if (type === 'array') throw unsupported(header.path, `${what} is an array of arrays, which is not supported`);
  if (type === 'string') {
    const count = await header.count(`strings of ${what}`, 8);
    return { type: 'array', value: { of: type, values: await header.strings(count, what) } };
  }
  const elementBytes = isNumeric(type) ? NUMBER_ARRAYS[type].BYTES_PER_ELEMENT : 1;
  const count = await header.count(`elements of ${what}`, elementBytes);
  const bytes = count * elementBytes;
  // The bytes and a copy; for a boolean, a reference in the array that holds it.
  header.spend(isNumeric(type) ? 2 * bytes : 10 * count, what);
  await header.need(bytes, what);
  const taken = new Uint8Array(header.take(bytes));
  if (!isNumeric(type)) return { type: 'array', value: { of: type, values: Array.from(taken, (byte) => byte !== 0) } };
  return { type: 'array', value: { of: type, values: new NUMBER_ARRAYS[type](taken.buffer) } };
}

async function readValue(header: HeaderBytes, what: string): Promise<GgufValue> {
  const id = await header.uint32(`the type of ${what}`);
  const type = VALUE_TYPES[id];
  if (type === undefined) throw corrupt(header.path, `${what} has the unknown type ${id}`);
  if (type === 'array') return readArray(header, what);
  if (type === 'string') return { type, value: await header.string(what) };
  const bytes = isNumeric(type) ? NUMBER_ARRAYS[type].BYTES_PER_ELEMENT : 1;
  await header.need(bytes, what);
  const taken = new Uint8Array(header.take(bytes));
  if (type === 'bool') {
    if (taken[0]! > 1) throw corrupt(header.path, `${what} is ${taken[0]}, not a boolean`);
    return { type, value: taken[0] === 1 };
  }
  return { type, value: new NUMBER_ARRAYS[type](taken.buffer)[0]! } as GgufValue;
}

async function readMetadata(header: HeaderBytes, count: number): Promise<Map<string, GgufValue>> {
  const metadata = new Map<string, GgufValue>();
  while (metadata.size < count) {
    const key = await header.string(`metadata key ${metadata.size}`, LONGEST_KEY);
    const what = `metadata ${quote(key)}`;
    if (metadata.has(key)) throw corrupt(header.path, `${what} appears twice`);
    header.spend(ENTRY_MEMORY, what);
    metadata.set(key, await readValue(header, what));
  }
  return metadata;
}

async function readTensor(header: HeaderBytes, index: number): Promise<GgufTensor> {
  const { path } = header;
  const name = await header.string(`the name of tensor ${index}`, LONGEST_TENSOR_NAME);
  const tensor = `tensor ${quote(name)}`;
  header.spend(ENTRY_MEMORY, tensor);
  const axes = await header.uint32(`the axes of ${tensor}`);
  if (axes < 1 || axes > MOST_AXES) throw corrupt(path, `${tensor} has ${axes} axes; 1 to ${MOST_AXES} are allowed`);
  await header.need(8 * axes + 12, `the description of ${tensor}`);
  const sizes = Array.from({ length: axes }, () => header.takeUint64());
  const id = header.takeUint32();
  const offset = header.takeUint64();
  const type = ggmlTypeOf(id);
  if (type === undefined) throw corrupt(path, `${tensor} has the unknown type ${id}`);
  const shape = sizes.map(Number);
  const described = `${tensor} is ${type} [${sizes.join(', ')}]`;
  if (shape.includes(0)) throw corrupt(path, `${described}, which has no elements`);
  const bytes = ggmlBytes(type, shape);
  if (bytes === undefined) throw corrupt(path, `${described}, whose rows are not made of whole blocks`);
  if (!Number.isSafeInteger(bytes) || !shape.every(Number.isSafeInteger)) {
    throw corrupt(path, `${described}, whose size overflows`);
  }
  if (offset > BigInt(Number.MAX_SAFE_INTEGER)) throw corrupt(path, `${tensor} has the impossible offset ${offset}`);
  return { name, shape, type, offset: Number(offset), bytes };
}

async function readTensors(header: HeaderBytes, count: number): Promise<Map<string, GgufTensor>> {
  const tensors = new Map<string, GgufTensor>();
  while (tensors.size < count) {
    const tensor = await readTensor(header, tensors.size);
    if (tensors.has(tensor.name)) throw corrupt(header.path, `two tensors are named ${quote(tensor.name)}`);
    tensors.set(tensor.name, tensor);
  }
  return tensors;
}

/** @throws DndError CORRUPT_FILE for an alignment that is not a power of two of the type that llama.cpp reads */
function alignmentOf(metadata: ReadonlyMap<string, GgufValue>, path: string): number {
  const alignment = metadataCount(metadata, ALIGNMENT_KEY, path) ?? DEFAULT_ALIGNMENT;
  const type = metadata.get(ALIGNMENT_KEY)?.type ?? 'uint32';
  if (type === 'uint32' && isAlignment(alignment)) return alignment;
  throw corrupt(path, `${ALIGNMENT_KEY} is ${alignment} (${type}); a power of two (uint32) is expected`);
}

export function isAlignment(value: number): boolean {
  return value >= 1 && value <= LARGEST_ALIGNMENT && Number.isInteger(Math.log2(value));
}

export function aligned(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}

/**
 * Turns offsets from the start of the data into offsets in the file. As llama.cpp requires, tensors follow one another
 * in the order of their descriptions, without overlaps and with no more than padding between them. Bytes after the last
 * belong to nothing and do no harm.
 */
function placeTensors(header: HeaderBytes, tensors: Iterable<GgufTensor>, alignment: number): void {
  const { path, fileBytes } = header;
  const dataStart = aligned(header.position, alignment);
  let expected = 0;
  for (const tensor of tensors) {
    const name = quote(tensor.name);
    if (tensor.offset !== expected) {
      throw corrupt(path, `tensor ${name} has offset ${tensor.offset}, but the one before it ends at ${expected}`);
    }
    tensor.offset += dataStart;
    const end = tensor.offset + tensor.bytes;
    if (!(end <= fileBytes)) {
      throw corrupt(path, `it is truncated: tensor ${name} ends at byte ${end}, but the file has ${fileBytes}`);
    }
    expected = aligned(expected + tensor.bytes, alignment);
  }
}

/**
 * Reads and validates a header against the format and the size of the file.
 * @throws DndError CORRUPT_FILE; UNSUPPORTED_FORMAT for version 1, big-endian files and arrays of arrays; NEWER_FORMAT
 */
export async function readHeader(header: HeaderBytes): Promise<GgufHeader> {
  const version = await readVersion(header);
  const tensorCount = await header.count('tensors', LEAST_TENSOR_BYTES);
  const metadataEntries = await header.count('metadata entries', LEAST_METADATA_BYTES);
  const metadata = await readMetadata(header, metadataEntries);
  const alignment = alignmentOf(metadata, header.path);
  const tensors = await readTensors(header, tensorCount);
  placeTensors(header, tensors.values(), alignment);
  return { version, metadata, tensors };
}
