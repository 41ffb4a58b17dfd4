import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DndError } from '../errors.js';
import { checkPath } from '../validation/path.js';
import { writeError } from './errors.js';
import { makeParents, partialName, syncFolder } from './parents.js';

/** Writes all of `bytes` at the handle's position, however little the system takes at once. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const piece = bytes.subarray(written, written + 2 ** 26);
    written += (await handle.write(piece)).bytesWritten;
  }
}

async function refuseUnlessPlainFile(path: string): Promise<void> {
  const existing = await lstat(path).catch(() => undefined);
  if (existing === undefined || existing.isFile() || existing.isSymbolicLink()) return;
  // Renaming over a device such as /dev/null would replace the device itself.
  const kind = existing.isDirectory() ? 'a folder' : 'not a plain file';
  throw new DndError('NOT_WRITABLE', `${path} cannot be written: it exists and is ${kind}`);
}

/**
 * Writes a file so that under `path` there is only ever the old file or the whole new one: a temporary file beside it
 * is filled, flushed to the disk and renamed. Missing folders on the way are made. After a failure or an abort nothing
 * new is left.
 * @param data the content, or a function that writes it into the open file
 * @param options.durable false: does not wait for the disk, so that a loss of power may leave a damaged file. Default: true
 * @throws DndError DISK_FULL or NOT_WRITABLE; `signal.reason` after an abort
 */
export async function writeFileAtomically(
  path: string,
  data: string | Uint8Array | ((handle: FileHandle) => Promise<void>),
  options: { signal?: AbortSignal | undefined; durable?: boolean | undefined } = {},
): Promise<void> {
  const { durable = true } = options;
  const target = resolve(checkPath(path, 'the file to write'));
  const temporary = partialName(target);
  let removeParents = async () => {};
  let handle: FileHandle | undefined;
  try {
    options.signal?.throwIfAborted();
    await refuseUnlessPlainFile(target);
    removeParents = await makeParents(target);
    handle = await open(temporary, 'wx');
    if (typeof data === 'function') await data(handle);
    else await writeFully(handle, typeof data === 'string' ? Buffer.from(data) : data);
    if (durable) await handle.sync();
    await handle.close();
    handle = undefined;
    options.signal?.throwIfAborted();
    await rename(temporary, target);
  } catch (error) {
    await handle?.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
    await removeParents();
    throw writeError(error, path);
  }
  if (durable) await syncFolder(dirname(target));
}
