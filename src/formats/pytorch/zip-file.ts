import { stat } from 'node:fs/promises';
import { DndError } from '../../errors.js';
import { OpenFile, readError, readExactly, SNIFFED_BYTES } from '../../files/index.js';
import { quote } from '../../validation/index.js';
import { corrupt } from './errors.js';
import { refuseOtherFormats } from './other-formats.js';
import {
  dataOffset,
  localHeaderBytes,
  MAX_DIRECTORY_BYTES,
  parseDirectory,
  parseEnd,
  parseZip64End,
  TAIL_BYTES,
  ZIP64_END_BYTES,
  type ZipEntry,
} from './zip-directory.js';

/** Bytes that decide between this format and others. */
const HEAD_BYTES = SNIFFED_BYTES;
/** Of a read of local headers and the entries between them. An archive of many small entries takes few. */
const HEADERS_BYTES = 2 ** 18;

/** Throws what refuses an archive by the names and sizes of its entries. */
export type EntriesCheck = (entries: ReadonlyMap<string, ZipEntry>) => void;

export interface StoredEntry extends ZipEntry {
  /** Of its first byte, in the archive. */
  dataOffset: number;
}

/**
 * A zip archive of stored (uncompressed) entries, from an untrusted source: its whole directory and every local header
 * are validated, and entries are read in ranges, so that an archive of any size can be opened. Checksums are left to
 * the caller.
 * @throws DndError in every method: FILE_NOT_FOUND or READ_FAILED if the file cannot be read, CORRUPT_FILE,
 * UNSUPPORTED_FORMAT for other formats, and for compressed or encrypted entries
 */
export class ZipFile {
  private constructor(
    readonly path: string,
    readonly entries: ReadonlyMap<string, StoredEntry>,
    readonly file: OpenFile,
  ) {}

  /** @param check called with the directory, before the local header of each entry is read */
  static async open(path: string, check: EntriesCheck = () => {}): Promise<ZipFile> {
    let file: OpenFile | undefined;
    try {
      // Opening a pipe would wait for its other end.
      if (!(await stat(path)).isFile()) throw new DndError('READ_FAILED', `${path} cannot be read: it is not a file`);
      file = await OpenFile.open(path, 'r');
      return new ZipFile(path, await readEntries(file, path, check), file);
    } catch (error) {
      await file?.close();
      throw readError(error, path);
    }
  }

  /** Fills `into` from the byte `start` of an entry on. */
  async read(entry: StoredEntry, start: number, into: Uint8Array): Promise<void> {
    await readPart(this.file, into, entry.dataOffset + start, this.path, `entry ${quote(entry.name)}`);
  }

  /** Waits for pending reads, then closes the file. Idempotent. */
  close(): Promise<void> {
    return this.file.close();
  }
}

async function readPart(file: OpenFile, into: Uint8Array, position: number, path: string, what: string): Promise<void> {
  await readExactly(file, into, position, path, () =>
    corrupt(path, `it became shorter while its ${what} was being read`),
  );
}

async function readEntries(file: OpenFile, path: string, check: EntriesCheck): Promise<Map<string, StoredEntry>> {
  const { size } = await file.stat();
  const read = async (position: number, bytes: number, what: string) => {
    const into = new Uint8Array(bytes);
    await readPart(file, into, position, path, what);
    return into;
  };
  refuseOtherFormats(await read(0, Math.min(size, HEAD_BYTES), 'first bytes'), path);
  const tailBytes = Math.min(size, TAIL_BYTES);
  const end = parseEnd(await read(size - tailBytes, tailBytes, 'last bytes'), size, path);
  let { directory, endOffset } = end;
  if (end.zip64Offset !== undefined) {
    endOffset = end.zip64Offset;
    directory = parseZip64End(await read(endOffset, ZIP64_END_BYTES, 'last bytes'), directory, path);
  }
  if (directory.bytes > MAX_DIRECTORY_BYTES) {
    throw corrupt(path, `its directory has ${directory.bytes} bytes; at most ${MAX_DIRECTORY_BYTES} are allowed`);
  }
  if (directory.offset + directory.bytes !== endOffset) {
    throw corrupt(path, 'its directory is not where its end says; it is truncated, or something was inserted');
  }
  const entries = parseDirectory(await read(directory.offset, directory.bytes, 'directory'), directory, path);
  check(entries);
  const ordered = [...entries.values()].sort((a, b) => a.headerOffset - b.headerOffset);
  const located = new Map<string, StoredEntry>();
  for (const together of headersTogether(ordered)) {
    const begin = together[0]!.headerOffset;
    const window = await read(begin, headerEnd(together.at(-1)!) - begin, `entry ${quote(together[0]!.name)}`);
    for (const entry of together) {
      const header = window.subarray(entry.headerOffset - begin, headerEnd(entry) - begin);
      const limit = ordered[located.size + 1]?.headerOffset ?? directory.offset;
      located.set(entry.name, { ...entry, dataOffset: dataOffset(header, entry, limit, path) });
    }
  }
  return located;
}

function headerEnd(entry: ZipEntry): number {
  return entry.headerOffset + localHeaderBytes(entry);
}

/** Groups of entries, in their order, whose local headers are so near each other that one read has them. */
function* headersTogether(ordered: readonly ZipEntry[]): Generator<ZipEntry[], void, void> {
  let together: ZipEntry[] = [];
  for (const entry of ordered) {
    if (together.length > 0 && headerEnd(entry) - together[0]!.headerOffset > HEADERS_BYTES) {
      yield together;
      together = [];
    }
    together.push(entry);
  }
  if (together.length > 0) yield together;
}
