import { createHash } from 'node:crypto';
import { access, constants, lstat, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DndError } from '../errors.js';
import { checkPath } from '../validation/index.js';
import { writeError } from './errors.js';
import { exists } from './exists.js';
import { removeLeftovers } from './leftovers.js';
import { OpenFile } from './open-file.js';
import { makeParents, syncFolder } from './parents.js';
import { partialName } from './partial-name.js';

async function refuseUnlessPlainFile(path: string): Promise<void> {
  const existing = await lstat(path).catch(() => undefined);
  if (existing === undefined || existing.isFile() || existing.isSymbolicLink()) return;
  // Renaming over a device such as /dev/null would replace the device itself.
  const kind = existing.isDirectory() ? 'a folder' : 'not a plain file';
  throw new DndError('NOT_WRITABLE', `${path} cannot be written: it exists and is ${kind}`);
}

/**
 * Whether `writeFileAtomically` would refuse `path` as it is now: a check to make before long work starts.
 * @throws DndError NOT_WRITABLE
 */
export async function checkFileOutput(path: string): Promise<void> {
  const target = resolve(checkPath(path, 'the file to write'));
  await refuseUnlessPlainFile(target);
  for (let folder = dirname(target); ; folder = dirname(folder)) {
    const status = await stat(folder).catch(() => undefined);
    if (status === undefined && folder !== dirname(folder)) continue;
    if (!status?.isDirectory())
      throw new DndError('NOT_WRITABLE', `${path} cannot be written: ${folder} is not a folder`);
    await access(folder, constants.W_OK).catch((error) => {
      throw writeError(error, path);
    });
    return;
  }
}

/** @throws DndError OUTPUT_EXISTS for a file that is there, without force */
export async function refuseExistingFile(path: string, force: boolean | undefined): Promise<void> {
  if (!force && (await exists(path)))
    throw new DndError('OUTPUT_EXISTS', `${path} exists; choose another name, or replace it with force (--force)`);
}

export interface WrittenFiles {
  /** Called with the SHA-256 of each written file. */
  onWritten?: ((path: string, sha256: string) => void) | undefined;
}

interface FileOptions extends WrittenFiles {
  signal?: AbortSignal | undefined;
  /**
   * false: skips flushing, so that a power loss may leave a damaged file, and skips removing leftovers. Default: true
   */
  durable?: boolean | undefined;
  /** Number of bytes to be written, for the message when they do not fit. */
  expectedBytes?: number | undefined;
}

/**
 * Writes a file atomically, so that `path` is always the old file or the whole new one: a temporary file beside it is
 * written, flushed and renamed. Missing parent folders are created. A failure or abort leaves nothing behind; leftovers
 * of killed processes beside it are removed.
 * @param data the content, or a function that writes it into the open file
 * @throws DndError DISK_FULL or NOT_WRITABLE; `signal.reason` after an abort
 */
export async function writeFileAtomically(
  path: string,
  data: string | Uint8Array | ((file: OpenFile) => Promise<void>),
  options: FileOptions = {},
): Promise<void> {
  const { durable = true } = options;
  const target = resolve(checkPath(path, 'the file to write'));
  const temporary = partialName(target);
  const bytes = typeof data === 'string' ? Buffer.from(data) : data;
  const hash = options.onWritten && createHash('sha256');
  let removeParents = async () => {};
  let file: OpenFile | undefined;
  try {
    options.signal?.throwIfAborted();
    await refuseUnlessPlainFile(target);
    removeParents = await makeParents(target);
    if (durable) await removeLeftovers(dirname(target));
    file = await OpenFile.open(temporary, 'wx');
    file.hash = hash;
    if (typeof bytes === 'function') await bytes(file);
    else await file.write(bytes);
    if (durable) await file.sync();
    await file.close();
    file = undefined;
    options.signal?.throwIfAborted();
    await rename(temporary, target);
  } catch (error) {
    await file?.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
    const failure = writeError(error, path, typeof bytes === 'function' ? options.expectedBytes : bytes.length);
    await removeParents();
    throw failure;
  }
  if (hash) options.onWritten?.(path, hash.digest('hex'));
  if (durable) await syncFolder(dirname(target));
}
