import { lstat, mkdir, readdir, realpath, rename, rm, rmdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { DndError } from '../errors.js';
import { checkPath } from '../validation/index.js';
import { contains } from './contains.js';
import { isFileError, readError, writeError } from './errors.js';
import { removeLeftovers } from './leftovers.js';
import { OpenFile } from './open-file.js';
import { makeParents, syncFolder } from './parents.js';
import { partialName } from './partial-name.js';

export interface FolderOptions {
  /** Replace an existing folder. */
  force?: boolean | undefined;
  /**
   * With `force`: a file, such as `adapter_config.json`, that an existing folder must contain to be replaced; of several,
   * one.
   */
  marker?: string | readonly string[] | undefined;
  signal?: AbortSignal | undefined;
}

interface Target {
  /** The final path, symbolic links followed. */
  path: string;
  exists: boolean;
}

async function refuseToReplace(path: string, target: string, options: FolderOptions): Promise<void> {
  if (!options.force) {
    throw new DndError(
      'OUTPUT_EXISTS',
      `${path} exists and is not empty; choose another folder, or replace it with force (--force)`,
    );
  }
  if (options.marker === undefined) return;
  const markers = [options.marker].flat();
  const entries = await readdir(target);
  if (!markers.some((marker) => entries.includes(marker))) {
    throw new DndError(
      'OUTPUT_EXISTS',
      `${path} has no ${markers.join(' or ')}, so it is not replaced, even by force. Choose another folder`,
    );
  }
}

async function inspectOnce(path: string, options: FolderOptions): Promise<Target> {
  const target = await realpath(path).catch((error) => {
    if (isFileError(error) && error.code === 'ENOENT') return undefined;
    throw writeError(error, path);
  });
  if (target === undefined) {
    if ((await lstat(path).catch(() => undefined))?.isSymbolicLink()) {
      throw new DndError('OUTPUT_EXISTS', `${path} is a symbolic link to nothing; remove it or choose another folder`);
    }
    return { path: resolve(path), exists: false };
  }
  const status = await stat(target);
  if (!status.isDirectory()) {
    throw new DndError('OUTPUT_EXISTS', `${path} exists and is not a folder; choose another name`);
  }
  // A mistyped path must not delete a home folder, nor the working folder of a shell.
  if (contains(target, process.cwd()) || contains(target, await realpath(homedir()).catch(homedir))) {
    throw new DndError('OUTPUT_EXISTS', `${path} holds the working or home folder and is not replaced, even by force`);
  }
  if (status.dev !== (await stat(dirname(target))).dev) {
    throw new DndError('NOT_WRITABLE', `${path} is a mount point. Choose a folder inside it`);
  }
  const entries = await readdir(target).catch((error) => {
    throw readError(error, path);
  });
  if (entries.length > 0) await refuseToReplace(path, target, options);
  return { path: target, exists: true };
}

/** Another process may replace, create or remove the folder between two checks. */
const ATTEMPTS = 20;

async function inspectTarget(path: string, options: FolderOptions): Promise<Target> {
  checkPath(path, 'the folder to write');
  for (let attempt = 1; ; attempt++) {
    try {
      return await inspectOnce(path, options);
    } catch (error) {
      const cause = error instanceof DndError ? error.cause : error;
      const vanished = isFileError(cause) && cause.code === 'ENOENT';
      if (!vanished || attempt === ATTEMPTS) throw writeError(error, path);
    }
  }
}

/**
 * Whether `writeFolderAtomically` would refuse `path` as it is now: a check to make before long work starts.
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
      // Windows requires a writable handle, which copied read-only files do not allow.
      const file = await OpenFile.open(path, 'r+').catch(() => OpenFile.open(path, 'r'));
      await file.sync().finally(() => file.close());
    }
  }
  await syncFolder(folder);
}

/** Moves of this process by target: one at a time. */
const moves = new Map<string, Promise<void>>();

async function inTurn(target: string, move: () => Promise<void>): Promise<void> {
  const before = moves.get(target) ?? Promise.resolve();
  const own = before.then(move);
  const settled = own.catch(() => {});
  moves.set(target, settled);
  await own.finally(() => {
    if (moves.get(target) === settled) moves.delete(target);
  });
}

/** Renames the staging folder to its target. Of concurrent replacements, the last one stays. */
async function moveIntoPlace(staging: string, path: string, before: Target, options: FolderOptions): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const now = await inspectAgain(path, before, options);
    const replaced = now.exists && options.force ? partialName(now.path, 'replaced') : undefined;
    if (replaced && !(await doneUnless(['ENOENT'], rename(now.path, replaced)))) continue;
    // Without force it was empty; if that has changed, it is left alone.
    if (now.exists && !replaced && !(await doneUnless(['ENOENT', 'ENOTEMPTY', 'EEXIST'], rmdir(now.path)))) continue;
    try {
      const moved = await doneUnless(['ENOTEMPTY', 'EEXIST', 'ENOTDIR'], rename(staging, now.path));
      // What cannot be removed now counts as a leftover once this process has ended.
      if (replaced) await rm(replaced, { recursive: true, force: true }).catch(() => {});
      if (moved) return;
    } catch (error) {
      if (replaced) await rename(replaced, now.path).catch(() => {});
      throw error;
    }
  }
  throw new DndError('NOT_WRITABLE', `${path} cannot be written: other processes keep replacing it; try again`);
}

/** @returns false if one of these errors shows that another process was faster */
async function doneUnless(codes: readonly string[], operation: Promise<void>): Promise<boolean> {
  try {
    await operation;
    return true;
  } catch (error) {
    if (isFileError(error) && codes.includes(error.code)) return false;
    throw error;
  }
}

/** As `inspectTarget`, after the folder has been filled; an error then says that the folder appeared meanwhile. */
async function inspectAgain(path: string, before: Target, options: FolderOptions): Promise<Target> {
  try {
    return await inspectTarget(path, options);
  } catch (error) {
    if (!(error instanceof DndError) || error.code !== 'OUTPUT_EXISTS') throw error;
    const what = before.exists ? 'changed' : 'made';
    throw new DndError(
      'OUTPUT_EXISTS',
      `${path} was ${what} in the meantime, by another save or process: ${error.message}`,
      { cause: error },
    );
  }
}

/**
 * Writes a folder atomically, so that `path` is always the old folder or the whole new one: `fill` writes the files
 * into a staging folder beside it, which is flushed and renamed. Missing parent folders are created. A non-empty
 * existing folder is an error without `force`; with it, the old folder survives until the new one is complete. A
 * failure or abort leaves nothing behind; leftovers of killed processes beside it are removed.
 * @throws DndError OUTPUT_EXISTS, DISK_FULL or NOT_WRITABLE; what `fill` throws; `signal.reason` after an abort
 */
export async function writeFolderAtomically(
  path: string,
  options: FolderOptions,
  fill: (stagingFolder: string) => Promise<void>,
): Promise<void> {
  options.signal?.throwIfAborted();
  await removeLeftovers(dirname(await realpath(path).catch(() => resolve(path))));
  const target = await inspectTarget(path, options);
  const staging = partialName(target.path);
  let removeParents = async () => {};
  try {
    removeParents = await makeParents(target.path);
    await mkdir(staging);
    await fill(staging);
    await syncTree(staging);
    options.signal?.throwIfAborted();
    await inTurn(target.path, () => moveIntoPlace(staging, path, target, options));
  } catch (error) {
    const failure = writeError(error, path);
    await rm(staging, { recursive: true, force: true }).catch(() => {});
    await removeParents();
    throw withoutStaging(failure, staging, path);
  }
  await syncFolder(dirname(target.path));
}

/** The staging folder no longer exists: messages name the files by their final paths. */
function withoutStaging(error: unknown, staging: string, path: string): unknown {
  if (!(error instanceof DndError) || !error.message.includes(staging)) return error;
  return new DndError(error.code, error.message.replaceAll(staging, path), { cause: error });
}
