import { mkdir, readdir, rename, rm, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DndError } from '../errors.js';
import { hasEnded, kindOf, parsePartialName, partialName, readError, writeError } from '../files/index.js';
import { BASIS_FILE } from '../generator/basis-file.js';
import { PROJECTION_FILE } from '../generator/condition-projection-file.js';
import { NORMALISATION_FILE } from '../generator/normalisation-file.js';
import { RUN_FILE } from './run-description.js';

/** Contents of a run folder besides run.json and metrics.jsonl. */
export const CHECKPOINTS_FOLDER = 'checkpoints';
export const CACHE_FOLDER = 'cache';
/** A symbolic link to the newest checkpoint, if supported: a convenience that nothing depends on. */
export const LATEST_LINK = 'latest';

const CHECKPOINT_NAME = /^step-(\d{6,})$/;
/** Leftovers of killed processes: from writing, replacing or removing. */
const LEFTOVER = /^\..*\.(?:partial|replaced|removed)-/;

export interface CheckpointFolder {
  step: number;
  path: string;
}

export function checkpointPath(folder: string, step: number): string {
  return join(folder, CHECKPOINTS_FOLDER, `step-${String(step).padStart(6, '0')}`);
}

/**
 * Creates the folder of a new run.
 * @throws DndError OUTPUT_EXISTS if it contains anything else; NOT_WRITABLE, DISK_FULL
 */
export async function makeRunFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error) => {
    throw writeError(error, folder);
  });
  await checkRunFolder(folder);
}

/**
 * Whether `makeRunFolder` would refuse a folder that is there: a check to make before long work starts.
 * @throws DndError OUTPUT_EXISTS, READ_FAILED
 */
export async function checkRunFolder(folder: string): Promise<void> {
  if ((await kindOf(folder)) === undefined) return;
  const names = await readdir(folder).catch((error) => {
    throw readError(error, folder);
  });
  if (names.includes(RUN_FILE))
    throw new DndError(
      'OUTPUT_EXISTS',
      `${folder} already contains a run. Resume it (--resume ${folder}), or choose another folder`,
    );
  // A run that was killed before it wrote run.json counts as not started.
  const other = names.find((name) => !OURS.has(name) && !LEFTOVER.test(name));
  if (other !== undefined)
    throw new DndError('OUTPUT_EXISTS', `${folder} is not empty (it contains ${other}). Choose another folder`);
}

const OURS = new Set(['encoder', CACHE_FOLDER, NORMALISATION_FILE, BASIS_FILE, PROJECTION_FILE, '.lock']);

/** Removes leftovers of killed processes. Requires the run's lock. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await namesIn(folder)) if (isAbandoned(name)) await removeQuietly(join(folder, name));
  // Only the lock holder writes here.
  for (const place of [join(folder, CHECKPOINTS_FOLDER), ...(await foldersUnder(join(folder, CACHE_FOLDER)))])
    for (const name of await namesIn(place)) if (LEFTOVER.test(name)) await removeQuietly(join(place, name));
}

/**
 * Other processes may be writing too, such as a report, and finish it themselves. Names of older versions have no
 * owner.
 */
function isAbandoned(name: string): boolean {
  const partial = parsePartialName(name);
  return partial ? hasEnded(partial.owner) : LEFTOVER.test(name);
}

function removeQuietly(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true }).catch(() => {});
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

/** Removes the folder and its contents. */
async function foldersUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const inner = entries.filter((entry) => entry.isDirectory()).map(({ name }) => foldersUnder(join(folder, name)));
  return [folder, ...(await Promise.all(inner)).flat()];
}

/** Oldest first. A folder gets its name only once it is complete. */
export async function listCheckpoints(folder: string): Promise<CheckpointFolder[]> {
  const place = join(folder, CHECKPOINTS_FOLDER);
  const names = await readdir(place).catch((error) => {
    if (error.code === 'ENOENT') return [];
    throw readError(error, place);
  });
  const found: CheckpointFolder[] = [];
  for (const name of names) {
    const step = CHECKPOINT_NAME.exec(name)?.[1];
    if (step !== undefined) found.push({ step: Number(step), path: join(place, name) });
  }
  return found.sort((one, other) => one.step - other.step);
}

/** Removes all but the newest `keep`. Each is renamed first, so that none is visible half removed. */
export async function removeOldCheckpoints(folder: string, keep: number): Promise<void> {
  const all = await listCheckpoints(folder);
  for (const { path } of all.slice(0, Math.max(0, all.length - keep))) {
    const removed = partialName(path, 'removed');
    await rename(path, removed).catch((error) => {
      throw writeError(error, path);
    });
    await rm(removed, { recursive: true, force: true });
  }
}

/** Renames an unreadable checkpoint, so that it is out of the way but can be inspected. */
export async function setAside({ path }: CheckpointFolder): Promise<string> {
  const aside = `${path}.unreadable`;
  await rm(aside, { recursive: true, force: true });
  await rename(path, aside).catch((error) => {
    throw writeError(error, path);
  });
  return aside;
}

export async function linkLatest(folder: string, checkpoint: string): Promise<void> {
  const link = join(folder, LATEST_LINK);
  const temporary = partialName(link);
  try {
    await symlink(join(CHECKPOINTS_FOLDER, basename(checkpoint)), temporary);
    await rename(temporary, link);
  } catch {
    // Not every file system and user supports links.
    await rm(temporary, { force: true }).catch(() => {});
  }
}
