import { crc32 } from 'node:zlib';
import { quote } from '../../validation/index.js';
import { DTYPES } from '../dtypes.js';
import { corrupt, torchScript, unsupported } from './errors.js';
import type { PickleValue, Storage } from './pickle-values.js';
import { MAX_PICKLE_BYTES, unpickle } from './unpickle.js';
import type { ZipEntry } from './zip-directory.js';
import { type StoredEntry, ZipFile } from './zip-file.js';

const PICKLE = 'data.pkl';
/** Of every TorchScript archive, beside its code. */
const CONSTANTS = 'constants.pkl';
const BYTE_ORDER = 'byteorder';

/** What the files in an archive are, in PyTorch's layout. */
export interface Records {
  zip: ZipFile;
  /** Of `data.pkl`. */
  value: PickleValue;
  /** Whether the archive has checksums: `torch.serialization.set_crc32_options(False)` leaves them all zero. */
  checksums: boolean;
  /** The entry of a storage of tensor `name`, checked. */
  storages: (storage: Storage, name: string) => StoredEntry;
}

/**
 * Opens an archive and reads its pickle.
 * @throws DndError as `PytorchArchive`
 */
export async function openRecords(path: string): Promise<Records> {
  const zip = await ZipFile.open(path, (entries) => findPickle(entries, path));
  try {
    const checksums = [...zip.entries.values()].some((entry) => entry.crc32 !== 0);
    const read = (entry: StoredEntry) => readSmall(zip, entry, checksums);
    const { pickle, folder } = findPickle(zip.entries, path);
    await checkByteOrder(zip, folder, read);
    const value = unpickle(await read(pickle), path, pickle.name);
    return { zip, value, checksums, storages: storageFinder(zip, folder) };
  } catch (error) {
    await zip.close();
    throw error;
  }
}

function findPickle<Entry extends ZipEntry>(
  entries: ReadonlyMap<string, Entry>,
  path: string,
): { pickle: Entry; folder: string } {
  const found = [...entries.values()].filter(({ name }) => name.split('/').length === 2 && name.endsWith(`/${PICKLE}`));
  const [pickle] = found;
  if (!pickle) {
    throw unsupported(path, `it is a zip archive without ${PICKLE}, so torch.save did not write it`, 'Check the file');
  }
  if (found.length > 1) throw corrupt(path, `it has ${found.length} files ${PICKLE}`);
  const folder = pickle.name.slice(0, -PICKLE.length);
  if (entries.has(folder + CONSTANTS)) throw torchScript(path);
  return { pickle, folder };
}

async function checkByteOrder(
  zip: ZipFile,
  folder: string,
  read: (entry: StoredEntry) => Promise<Uint8Array>,
): Promise<void> {
  const entry = zip.entries.get(folder + BYTE_ORDER);
  // Files of PyTorch before 2.1 do not say; they were written on little-endian machines, almost all of them.
  if (!entry) return;
  const order = Buffer.from(await read(entry)).toString('latin1');
  if (order === 'big')
    throw unsupported(zip.path, 'its numbers are big-endian', 'Save it again on a little-endian machine');
  if (order !== 'little') throw corrupt(zip.path, `it has the unknown byte order ${quote(order)}`);
}

async function readSmall(zip: ZipFile, entry: StoredEntry, checksums: boolean): Promise<Uint8Array> {
  if (entry.bytes > MAX_PICKLE_BYTES) {
    throw corrupt(
      zip.path,
      `its entry ${quote(entry.name)} has ${entry.bytes} bytes; at most ${MAX_PICKLE_BYTES} are allowed`,
    );
  }
  const bytes = new Uint8Array(entry.bytes);
  await zip.read(entry, 0, bytes);
  if (checksums && crc32(bytes) !== entry.crc32) {
    throw corrupt(zip.path, `the checksum of its entry ${quote(entry.name)} is wrong: its bytes are damaged`);
  }
  return bytes;
}

function storageFinder(zip: ZipFile, folder: string): Records['storages'] {
  const known = new Map<string, Storage>();
  return (storage, name) => {
    const entryName = `${folder}data/${storage.key}`;
    const entry = zip.entries.get(entryName);
    const where = `the storage of tensor ${quote(name)}`;
    if (!entry) throw corrupt(zip.path, `${where} is missing: it has no entry ${quote(entryName)}`);
    const bytes = storage.elements * DTYPES[storage.dtype].bytes;
    if (bytes !== entry.bytes) {
      throw corrupt(zip.path, `${where} takes ${bytes} bytes, but its entry ${quote(entryName)} has ${entry.bytes}`);
    }
    const before = known.get(storage.key) ?? storage;
    if (before.dtype !== storage.dtype) {
      throw corrupt(zip.path, `${where} is ${storage.dtype} here and ${before.dtype} in another tensor`);
    }
    known.set(storage.key, storage);
    return entry;
  };
}
