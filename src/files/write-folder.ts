import { lstat, mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { DndError } from '../errors.js';
import { checkPath } from '../validation/path.js';
import { isFileError, readError, writeError } from './errors.js';
import { makeParents, partialName, syncFolder } from './parents.js';

export interface FolderOptions {
  /** Replace an existing folder. */
  force?: boolean | undefined;
  /** With `force`: a file, such as `adapter_config.json`, without which an existing folder is not ours to replace. */
  marker?: string | undefined;
  signal?: AbortSignal | undefined;
}

interface Target {
  /** Where the folder goes, symbolic links followed. */
  path: string;
  exists: boolean;
}

function contains(folder: string, inner: string): boolean {
  const way = relative(folder, inner);
  return way === '' || !(way === '..' || way.startsWith('../') || way.startsWith('..\\') || resolve(way) === way);
}

async function refuseToReplace(path: string, target: string, options: FolderOptions): Promise<void> {
  if (!options.force) {
    throw new DndError(
      'OUTPUT_EXISTS',
      `${path} exists and is not empty; choose another folder, or replace it with force (--force)`,
    );
  }
  if (options.marker !== undefined && !(await readdir(target)).includes(options.marker)) {
    throw new DndError(
      'OUTPUT_EXISTS',
      `${path} has no ${options.marker}, so it is something else and is not replaced, even by force; choose another folder`,
    );
  }
}

async function inspectTarget(path: string, options: FolderOptions): Promise<Target> {
  checkPath(path, 'the folder to write');
  const target = await realpath(path).catch((error) => {
    if (isFileError(error) && error.code === 'ENOENT') return undefined;
    throw writeError(error, path);
  });
  if (target === undefined) {
    if (await lstat(path).catch(() => undefined)) {
      throw new DndError('OUTPUT_EXISTS', `${path} is a symbolic link to nothing; remove it or choose another folder`);
    }
    return { path: resolve(path), exists: false };
  }
  const status = await stat(target);
  if (!status.isDirectory()) {
    throw new DndError('OUTPUT_EXISTS', `${path} exists and is not a folder; choose another name`);
  }
  // A slip of the hand must not cost a home folder, nor leave a shell in a folder that is gone.
  if (contains(target, process.cwd()) || contains(target, await realpath(homedir()).catch(homedir))) {
    throw new DndError('OUTPUT_EXISTS', `${path} holds the working or home folder and is not replaced, even by force`);
  }
  if (status.dev !== (await stat(dirname(target))).dev) {
    throw new DndError('NOT_WRITABLE', `${path} is where a file system is mounted; choose a folder inside it`);
  }
  const entries = await readdir(target).catch((error) => {
    throw readError(error, path);
  });
  if (entries.length > 0) await refuseToReplace(path, target, options);
  return { path: target, exists: true };
}

/**
 * Whether `writeFolderAtomically` would refuse `path` as it is now: to be asked before the long work begins.
 * @throws DndError OUTPUT_EXISTS or NOT_WRITABLE
 */
export async function checkFolderOutput(path: string, options: FolderOptions): Promise<void> {
  await inspectTarget(path, options);
}

async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await syncTree(path);
    else if (entry.isFile()) {
      // Windows wants a writable handle; files that are copied read-only give none.
      const handle = await open(path, 'r+').catch(() => open(path, 'r'));
      await handle.sync().finally(() => handle.close());
    }
  }
  await syncFolder(folder);
}

async function moveIntoPlace(staging: string, target: Target): Promise<void> {
  if (!target.exists) return rename(staging, target.path);
  const replaced = partialName(target.path, 'replaced');
  await rename(target.path, replaced);
  try {
    await rename(staging, target.path);
  } catch (error) {
    await rename(replaced, target.path);
    throw error;
  }
  await rm(replaced, { recursive: true, force: true });
}

/**
 * Writes a folder so that under `path` there is only ever the old folder or the whole new one: `fill` puts the files
 * into a staging folder beside it, which is flushed to the disk and renamed. Missing folders on the way are made.
 * An existing folder that is not empty is refused unless `force`; then it survives until the new one is complete.
 * After a failure or an abort nothing new is left.
 * @throws DndError OUTPUT_EXISTS, DISK_FULL or NOT_WRITABLE; what `fill` throws; `signal.reason` after an abort
 */
export async function writeFolderAtomically(
  path: string,
  options: FolderOptions,
  fill: (stagingFolder: string) => Promise<void>,
): Promise<void> {
  options.signal?.throwIfAborted();
  const target = await inspectTarget(path, options);
  const staging = partialName(target.path);
  let removeParents = async () => {};
  try {
    removeParents = await makeParents(target.path);
    await mkdir(staging);
    await fill(staging);
    await syncTree(staging);
    options.signal?.throwIfAborted();
    // Someone may have put something there while the folder was being filled.
    await moveIntoPlace(staging, await inspectTarget(path, options));
  } catch (error) {
    await rm(staging, { recursive: true, force: true }).catch(() => {});
    await removeParents();
    throw writeError(error, path);
  }
  await syncFolder(dirname(target.path));
}
