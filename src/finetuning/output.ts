import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { type BaseModel, configOfBase } from '../adapter/index.js';
import { DndError } from '../errors.js';
import {
  exists,
  kindOf,
  readError,
  readJson,
  removeLeftovers,
  syncFolder,
  writeError,
  writeFileAtomically,
} from '../files/index.js';
import { PAIRS_FILE, PAIRS_FORMAT_VERSION } from '../training/pairs/manifest.js';
import { Fields } from '../validation/index.js';
import type { AdapterForm } from './adapter.js';
import type { FinetuneTask } from './config.js';
import { FINETUNE_FILE } from './run-description.js';
import type { TaskTexts } from './tasks.js';

/** Work in progress; hidden, so that nothing takes it for a task. Removed at the end. */
export const WORK_FOLDER = '.finetune';
/** In the folder of a finished task, or of the joint run. */
const SUMMARY_FILE = 'finetune.json';
const SUMMARY_VERSION = 1;
const OURS = new Set([WORK_FOLDER, '.lock']);

/** Figures of a finished task. */
export interface TaskSummary {
  steps: number;
  /** Mean loss of its last steps. */
  loss: number;
}

/**
 * Creates the folder of a new run.
 * @throws DndError OUTPUT_EXISTS if it contains anything; NOT_WRITABLE, DISK_FULL
 */
export async function makeOutput(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error) => {
    throw writeError(error, folder);
  });
  await checkOutput(folder);
}

/**
 * Whether `makeOutput` would refuse a folder that is there: a check to make before long work starts.
 * @throws DndError OUTPUT_EXISTS, READ_FAILED
 */
export async function checkOutput(folder: string): Promise<void> {
  if ((await kindOf(folder)) === undefined) return;
  const names = await readdir(folder).catch((error) => {
    throw readError(error, folder);
  });
  if (names.includes(FINETUNE_FILE))
    throw new DndError(
      'OUTPUT_EXISTS',
      `${folder} already contains a fine-tuning run. Resume it (--resume ${folder}), or choose another folder`,
    );
  const other = names.find((name) => !OURS.has(name) && !name.startsWith('.'));
  if (other !== undefined)
    throw new DndError('OUTPUT_EXISTS', `${folder} is not empty (it contains ${other}). Choose another folder`);
}

/** The figures of a task that is finished; undefined for one that is not. */
export async function finishedTask(folder: string, name: string): Promise<TaskSummary | undefined> {
  const path = join(folder, name, SUMMARY_FILE);
  if (!(await exists(path))) return undefined;
  const fields = new Fields(await readJson(path), path);
  fields.checkFormatVersion(SUMMARY_VERSION, 'task');
  return { steps: fields.wholeNumber('steps', 0), loss: fields.number('loss') };
}

/**
 * Completes the folder in which a task's files were collected, and gives it its final name in one move.
 * @param texts what a generator is conditioned on; null for the joint run
 */
export async function finishTask(
  folder: string,
  name: string,
  summary: TaskSummary,
  texts: TaskTexts | null,
): Promise<void> {
  const work = join(folder, WORK_FOLDER, name);
  if (texts) await writeTexts(work, texts);
  await removeLeftovers(join(work, 'checkpoints'));
  const text = JSON.stringify({ formatVersion: SUMMARY_VERSION, ...summary }, null, 2);
  await writeFileAtomically(join(work, SUMMARY_FILE), `${text}\n`);
  await rename(work, join(folder, name)).catch((error) => {
    throw writeError(error, join(folder, name));
  });
  await syncFolder(folder);
}

/** Writes what a generator is conditioned on into a task's folder of the pairs. */
export async function writeTexts(folder: string, { items, about }: TaskTexts, durable = true): Promise<void> {
  const write = (name: string, texts: unknown) =>
    writeFileAtomically(join(folder, name), `${JSON.stringify(texts, null, 1)}\n`, { durable });
  await write('prompts.json', items);
  if (about) await write('descriptions.json', about);
}

/** Writes pairs.json, which makes the folder complete, and removes what is no longer needed. `start`: folder of the adapter that every task starts from. */
export async function writePairs(
  folder: string,
  base: BaseModel,
  { layout, alpha, useRslora }: AdapterForm,
  tasks: readonly FinetuneTask[],
  start: string | undefined,
): Promise<void> {
  const pairs = {
    formatVersion: PAIRS_FORMAT_VERSION,
    base: configOfBase(base),
    adapter: { rank: layout.rank, alpha, useRslora, modules: layout.modules },
    ...(start === undefined ? {} : { start: relative(folder, start) }),
    tasks: tasks.map(({ name }) => name),
    heldOut: tasks.filter(({ heldOut }) => heldOut).map(({ name }) => name),
  };
  await writeFileAtomically(join(folder, PAIRS_FILE), `${JSON.stringify(pairs, null, 2)}\n`);
  await rm(join(folder, WORK_FOLDER), { recursive: true, force: true });
}
