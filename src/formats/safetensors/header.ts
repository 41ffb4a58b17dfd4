import { DndError } from '../../errors.js';
import { quote } from '../../validation/index.js';
import { DTYPES, type Dtype, elementCount, isDtype } from '../dtypes.js';
import { headerFault } from './json.js';
import { METADATA_KEY, type TensorInfo } from './reader.js';

/** The bytes before the header: its length, as an unsigned 64-bit integer. */
export const PREFIX_BYTES = 8;
/** As of the reference library. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Limits beyond any model, since messages show whole names and shapes. PyTorch has no more axes. */
const LONGEST_NAME = 1024;
const MOST_AXES = 64;

/** A tensor takes about eight; this many take a gigabyte once parsed. */
const MOST_VALUES = 2 ** 24;

export interface Header {
  metadata: Record<string, string>;
  tensors: Map<string, TensorInfo>;
}

export function corrupt(path: string, what: string): DndError {
  return new DndError('CORRUPT_FILE', `${path} is not a valid safetensors file: ${what}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const COMMA = 0x2c;

/** JSON's white space, with which the reference library lets a header begin. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** Counted before parsing: a header of nothing but brackets would exhaust memory. */
function refuseManyValues(bytes: Uint8Array, path: string): void {
  if (bytes.length <= MOST_VALUES) return;
  let values = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === COMMA || byte === OPEN_BRACKET || byte === OPEN_BRACE) values++;
  }
  if (values > MOST_VALUES) throw corrupt(path, `its header has ${values} values; at most ${MOST_VALUES} are allowed`);
}

function parseText(bytes: Uint8Array, path: string): Record<string, unknown> {
  if (bytes.find((byte) => !isSpace(byte)) !== OPEN_BRACE) throw corrupt(path, 'its header does not begin with {');
  refuseManyValues(bytes, path);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw corrupt(path, 'its header is not UTF-8');
  }
  let header: unknown;
  let fault: string | undefined;
  try {
    header = JSON.parse(text);
    fault = headerFault(text);
  } catch (error) {
    throw corrupt(path, `its header is not JSON (${(error as Error).message.slice(0, 200)})`);
  }
  if (fault !== undefined) throw corrupt(path, `its header is invalid: ${fault}`);
  return header as Record<string, unknown>;
}

function parseMetadata(value: unknown, path: string): Record<string, string> {
  if (!isRecord(value)) throw corrupt(path, `its ${METADATA_KEY} is not an object`);
  // Without a prototype, so that no key, not even __proto__, has a special meaning.
  const metadata: Record<string, string> = Object.create(null);
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw corrupt(path, `its metadata value ${quote(key)} is not text`);
    metadata[key] = text;
  }
  return metadata;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

type Fault = (what: string) => DndError;

function parseDtype(value: unknown, fault: Fault): Dtype {
  if (typeof value !== 'string') throw fault('has no dtype');
  if (isDtype(value)) return value;
  throw fault(`has the unknown dtype ${quote(value)}`);
}

function parseTensor(name: string, entry: unknown, dataStart: number, dataBytes: number, path: string): TensorInfo {
  // Quoting hundreds of thousands of names takes seconds: only for an error.
  const fault: Fault = (what) => corrupt(path, `tensor ${quote(name)} ${what}`);
  if (/\p{Surrogate}/u.test(name)) throw corrupt(path, `the tensor name ${quote(name)} is not valid Unicode`);
  if (name.length > LONGEST_NAME)
    throw corrupt(
      path,
      `the tensor name ${quote(name)} has ${name.length} characters; at most ${LONGEST_NAME} are allowed`,
    );
  if (!isRecord(entry)) throw fault(`is not described by an object`);
  const dtype = parseDtype(entry.dtype, fault);
  const { shape, data_offsets: offsets } = entry;
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw fault(`has a shape that is not a list of non-negative integers`);
  }
  if (shape.length > MOST_AXES) throw fault(`has ${shape.length} axes; at most ${MOST_AXES} are allowed`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) {
    throw fault(`has data_offsets that are not two non-negative integers`);
  }
  const [begin, end] = offsets as [number, number];
  const byteLength = elementCount(shape) * DTYPES[dtype].bytes;
  if (byteLength > Number.MAX_SAFE_INTEGER) throw fault(`has a shape whose size overflows`);
  if (begin > end || end > dataBytes) {
    throw fault(
      `has data_offsets [${begin}, ${end}], outside the ${dataBytes} bytes of data that the file holds` +
        ' (it may be truncated)',
    );
  }
  if (end - begin !== byteLength) {
    throw fault(
      `is ${dtype} [${shape.join(', ').slice(0, 200)}], which takes ${byteLength} bytes, but has ${end - begin}`,
    );
  }
  return { name, dtype, shape, byteOffset: dataStart + begin, byteLength };
}

/** Tensors must cover the data without gaps, to the last byte of the file. */
function checkCoverage(ordered: TensorInfo[], dataStart: number, fileBytes: number, path: string): void {
  let position = dataStart;
  let before: string | undefined;
  const previous = () => (before === undefined ? 'the header' : `tensor ${quote(before)}`);
  for (const { name, byteOffset, byteLength } of ordered) {
    if (byteOffset < position) throw corrupt(path, `tensor ${quote(name)} overlaps ${previous()}`);
    if (byteOffset > position) {
      throw corrupt(
        path,
        `${byteOffset - position} bytes between ${previous()} and tensor ${quote(name)} belong to none`,
      );
    }
    position = byteOffset + byteLength;
    before = name;
  }
  if (position < fileBytes) {
    throw corrupt(path, `it is oversized: ${fileBytes - position} bytes after ${previous()} belong to no tensor`);
  }
}

/**
 * The header's length, from the first bytes of a file.
 * @throws DndError CORRUPT_FILE if it is impossible
 */
export function headerLength(prefix: Uint8Array, fileBytes: number, path: string): number {
  if (fileBytes < PREFIX_BYTES) throw corrupt(path, `it has ${fileBytes} bytes, fewer than the 8 of a header length`);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw corrupt(path, `it claims a header of ${length} bytes; at most ${MAX_HEADER_BYTES} are allowed`);
  }
  if (length > BigInt(fileBytes - PREFIX_BYTES)) {
    throw corrupt(path, `it is truncated: it claims a header of ${length} bytes and has ${fileBytes} bytes in all`);
  }
  return Number(length);
}

/**
 * Validates a header against the format and the size of the file. Format: https://huggingface.co/docs/safetensors
 * (section "Format").
 * @param bytes the header, without the 8 bytes before it
 * @throws DndError CORRUPT_FILE
 */
export function parseHeader(bytes: Uint8Array, fileBytes: number, path: string): Header {
  const header = parseText(bytes, path);
  const metadata = parseMetadata(header[METADATA_KEY] ?? {}, path);
  const dataStart = PREFIX_BYTES + bytes.length;
  const tensors = Object.keys(header)
    .filter((name) => name !== METADATA_KEY)
    .map((name) => parseTensor(name, header[name], dataStart, fileBytes - dataStart, path));
  tensors.sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  checkCoverage(tensors, dataStart, fileBytes, path);
  return { metadata, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
}
