import { quote } from '../../validation/index.js';
import { corrupt, torchScript, unsupported } from './errors.js';

/** Format of all records: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3. Numbers are little-endian. */
const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const MOST_COMMENT_BYTES = 0xffff;
const ZIP64_LOCATOR_SIGNATURE = 0x07064b50;
const ZIP64_LOCATOR_BYTES = 20;
const ZIP64_END_SIGNATURE = 0x06064b50;
export const ZIP64_END_BYTES = 56;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const ZIP64_EXTRA = 1;
/** Stands for "see the zip64 record". */
const IN_ZIP64 = 0xffffffff;
const IN_ZIP64_SHORT = 0xffff;

/** At the end of the file: everything that is needed to find the directory. */
export const TAIL_BYTES = END_BYTES + MOST_COMMENT_BYTES + ZIP64_LOCATOR_BYTES;
/** A directory of a hundred thousand storages takes a tenth of this. */
export const MAX_DIRECTORY_BYTES = 2 ** 26;
/** Each takes some hundred bytes of memory: far more than the tensors of any model. */
const MAX_ENTRIES = 200_000;
const LONGEST_NAME = 1024;

const STORED = 0;
/** The only entries that PyTorch compresses. */
const TORCHSCRIPT_CODE = /^[^/]+\/code\//;
const ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000;

export interface DirectoryPlace {
  offset: number;
  bytes: number;
  entries: number;
}

/** A file in the archive. It is stored as it is: neither compressed nor encrypted. */
export interface ZipEntry {
  name: string;
  bytes: number;
  crc32: number;
  /** Of its local header, in the archive. */
  headerOffset: number;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function wide(view: DataView, offset: number, path: string): number {
  const value = view.getBigUint64(offset, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw corrupt(path, `it claims an impossible size of ${value} bytes`);
  return Number(value);
}

/**
 * Finds the end record, which must end with the file.
 * @param tail the last bytes of the file, `TAIL_BYTES` or all of them
 * @returns the directory, or where the zip64 end record says where it is
 */
export function parseEnd(
  tail: Uint8Array,
  fileBytes: number,
  path: string,
): { directory: DirectoryPlace; endOffset: number; zip64Offset?: number } {
  const view = viewOf(tail);
  let at = tail.length - END_BYTES;
  while (at >= 0 && !(view.getUint32(at, true) === END_SIGNATURE && commentFits(view, at, tail.length))) at--;
  if (at < 0) throw corrupt(path, 'it has no zip directory at its end; it is truncated, or not a zip archive');
  const disks = [view.getUint16(at + 4, true), view.getUint16(at + 6, true)];
  if (disks.some((disk) => disk !== 0)) throw unsupported(path, 'it is one part of a zip archive in several parts');
  const directory = {
    entries: view.getUint16(at + 10, true),
    bytes: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  };
  const endOffset = fileBytes - tail.length + at;
  const locator = at - ZIP64_LOCATOR_BYTES;
  if (locator < 0 || view.getUint32(locator, true) !== ZIP64_LOCATOR_SIGNATURE) return { directory, endOffset };
  const zip64Offset = wide(view, locator + 8, path);
  if (zip64Offset + ZIP64_END_BYTES > endOffset - ZIP64_LOCATOR_BYTES) {
    throw corrupt(path, 'its zip64 directory record is outside the file');
  }
  return { directory, endOffset, zip64Offset };
}

function commentFits(view: DataView, at: number, tailBytes: number): boolean {
  return at + END_BYTES + view.getUint16(at + 20, true) === tailBytes;
}

/** The place of the directory from the zip64 end record, which must not contradict the ordinary one. */
export function parseZip64End(record: Uint8Array, ordinary: DirectoryPlace, path: string): DirectoryPlace {
  const view = viewOf(record);
  if (view.getUint32(0, true) !== ZIP64_END_SIGNATURE) throw corrupt(path, 'its zip64 directory record is damaged');
  const place = { entries: wide(view, 32, path), bytes: wide(view, 40, path), offset: wide(view, 48, path) };
  const agree =
    [place.entries, IN_ZIP64_SHORT].includes(ordinary.entries) &&
    [place.bytes, IN_ZIP64].includes(ordinary.bytes) &&
    [place.offset, IN_ZIP64].includes(ordinary.offset);
  if (!agree) throw corrupt(path, 'its two directory records contradict each other');
  return place;
}

/**
 * The entries of the central directory, by name; folders are left out. Nothing is believed: names stay inside the
 * archive, and entries neither overlap nor reach beyond `offset`.
 * @throws DndError CORRUPT_FILE; UNSUPPORTED_FORMAT for compressed or encrypted entries, by name
 */
export function parseDirectory(
  bytes: Uint8Array,
  { entries: count, offset }: DirectoryPlace,
  path: string,
): Map<string, ZipEntry> {
  if (count > MAX_ENTRIES) throw corrupt(path, `it has ${count} entries; at most ${MAX_ENTRIES} are allowed`);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let index = 0; index < count; index++) {
    const { entry, end } = parseEntry(bytes, at, path);
    if (entries.has(entry.name)) throw corrupt(path, `it has two entries ${quote(entry.name)}`);
    entries.set(entry.name, entry);
    at = end;
  }
  if (at !== bytes.length) throw corrupt(path, `its directory has ${bytes.length - at} bytes after the last entry`);
  checkOverlaps([...entries.values()], offset, path);
  for (const name of entries.keys()) if (name.endsWith('/')) entries.delete(name);
  return entries;
}

function parseEntry(bytes: Uint8Array, at: number, path: string): { entry: ZipEntry; end: number } {
  const view = viewOf(bytes);
  if (at + ENTRY_BYTES > bytes.length) throw corrupt(path, 'its directory is truncated');
  if (view.getUint32(at, true) !== ENTRY_SIGNATURE) throw corrupt(path, 'its directory is damaged');
  const nameEnd = at + ENTRY_BYTES + view.getUint16(at + 28, true);
  const extraEnd = nameEnd + view.getUint16(at + 30, true);
  const end = extraEnd + view.getUint16(at + 32, true);
  if (end > bytes.length) throw corrupt(path, 'its directory is truncated');
  const name = checkedName(bytes.subarray(at + ENTRY_BYTES, nameEnd), path);
  const sizes = {
    bytes: view.getUint32(at + 24, true),
    compressed: view.getUint32(at + 20, true),
    headerOffset: view.getUint32(at + 42, true),
  };
  readZip64Extra(bytes.subarray(nameEnd, extraEnd), sizes, name, path);
  const { bytes: own, compressed, headerOffset } = sizes;
  if ((view.getUint16(at + 8, true) & ENCRYPTED_FLAGS) !== 0) {
    throw unsupported(path, `its entry ${quote(name)} is encrypted`, 'Decrypt it first');
  }
  const method = view.getUint16(at + 10, true);
  if (method !== STORED) {
    if (TORCHSCRIPT_CODE.test(name)) throw torchScript(path);
    const claim = `${compressed} bytes that claim to become ${own}`;
    throw unsupported(path, `its entry ${quote(name)} is compressed (method ${method}, ${claim})`);
  }
  if (compressed !== own) throw corrupt(path, `its entry ${quote(name)} has two sizes, ${compressed} and ${own} bytes`);
  return { entry: { name, bytes: own, crc32: view.getUint32(at + 16, true), headerOffset }, end };
}

interface Sizes {
  bytes: number;
  compressed: number;
  headerOffset: number;
}

/** Replaces the sizes that do not fit into 32 bits. */
function readZip64Extra(extra: Uint8Array, sizes: Sizes, name: string, path: string): void {
  const missing = (Object.keys(sizes) as (keyof Sizes)[]).filter((key) => sizes[key] === IN_ZIP64);
  if (missing.length === 0) return;
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + view.getUint16(at + 2, true);
    if (end > extra.length) break;
    if (view.getUint16(at, true) === ZIP64_EXTRA && end - at - 4 >= 8 * missing.length) {
      for (const [index, key] of missing.entries()) sizes[key] = wide(view, at + 4 + 8 * index, path);
      return;
    }
    at = end;
  }
  throw corrupt(path, `its entry ${quote(name)} lacks its zip64 sizes`);
}

function checkedName(bytes: Uint8Array, path: string): string {
  let name: string;
  try {
    name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw corrupt(path, 'the name of an entry is not UTF-8');
  }
  if (name === '' || name.length > LONGEST_NAME) throw corrupt(path, `an entry has the impossible name ${quote(name)}`);
  const parts = name.replace(/\/$/, '').split('/');
  const escapes = /[\\\0]|^[a-z]:/i.test(name) || parts.some((part) => ['', '.', '..'].includes(part));
  if (escapes) throw corrupt(path, `the name of its entry ${quote(name)} leads out of the archive`);
  return name;
}

const HEADER_BYTES = 30;

/** The least that an entry takes; its local header may have more. */
function leastEnd({ headerOffset, name, bytes }: ZipEntry): number {
  return headerOffset + HEADER_BYTES + Buffer.byteLength(name) + bytes;
}

/** Overlapping entries make a small archive that is huge when it is read. */
function checkOverlaps(entries: ZipEntry[], dataEnd: number, path: string): void {
  entries.sort((a, b) => a.headerOffset - b.headerOffset);
  for (const [index, entry] of entries.entries()) {
    const limit = entries[index + 1]?.headerOffset ?? dataEnd;
    if (leastEnd(entry) <= limit) continue;
    const problem = index + 1 < entries.length ? `overlaps ${quote(entries[index + 1]!.name)}` : 'is truncated';
    throw corrupt(path, `its entry ${quote(entry.name)} of ${entry.bytes} bytes ${problem}`);
  }
}

const LOCAL_SIGNATURE = 0x04034b50;

/** Length of the part of the local header that `dataOffset` needs. */
export function localHeaderBytes({ name }: ZipEntry): number {
  return HEADER_BYTES + Buffer.byteLength(name);
}

/**
 * Where an entry's bytes start, from its local header, which must agree with the directory.
 * @param limit where the next entry, or the directory, starts
 */
export function dataOffset(header: Uint8Array, entry: ZipEntry, limit: number, path: string): number {
  const view = viewOf(header);
  const nameBytes = header.subarray(HEADER_BYTES);
  const agrees =
    view.getUint32(0, true) === LOCAL_SIGNATURE &&
    (view.getUint16(6, true) & ENCRYPTED_FLAGS) === 0 &&
    view.getUint16(8, true) === STORED &&
    view.getUint16(26, true) === nameBytes.length &&
    Buffer.from(entry.name).equals(nameBytes);
  if (!agrees) throw corrupt(path, `the local header of its entry ${quote(entry.name)} contradicts the directory`);
  const offset = entry.headerOffset + header.length + view.getUint16(28, true);
  if (offset + entry.bytes > limit) throw corrupt(path, `its entry ${quote(entry.name)} overlaps the next one`);
  return offset;
}
