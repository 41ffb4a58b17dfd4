import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  type BaseModel,
  configOfBase,
  isBaseModel,
  PEFT_CONFIG_FILE,
  PEFT_TENSORS_FILE,
  readBaseModel,
} from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import { DndError } from '../errors.js';
import { isFolder, kindOf, readError, writeError, writeFileAtomically, writeFolderAtomically } from '../files/index.js';
import {
  type FinetuneTask,
  fieldsOf,
  listTasks,
  readFinetuneConfig,
  readTaskItems,
  writeTexts,
} from '../finetuning/index.js';
import type { PromptFields } from '../prompts/index.js';
import { openPairs } from '../training/pairs/index.js';
import { PAIRS_FILE, PAIRS_FORMAT_VERSION } from '../training/pairs/manifest.js';
import { compareNaturally } from '../training/pairs/natural-order.js';
import { checkOptions, checkPath, checkWholeNumber } from '../validation/index.js';

/** Options of `importCheckpoints`. */
export interface ImportOptions extends LongOperation {
  /** Folder with the output folder of each task, named after it: `saves` of a recipe. */
  from: string;
  /** The configuration file of the recipe: tasks, and which are held out. */
  config: string;
  /** Output: a pairs folder. */
  out: string;
  /** The base's config.json, or the folder containing it. Default: that of the configuration, if it is a folder. */
  base?: string | undefined;
  /** Only so many of the newest checkpoints of each task. Default: all. */
  last?: number | undefined;
  /** Replace an existing pairs folder. */
  force?: boolean | undefined;
}

/** A task that was imported. */
export interface ImportedTask {
  /** Name of the task. */
  task: string;
  /** Number of its prompts. */
  prompts: number;
  /** Number of its checkpoints. */
  checkpoints: number;
}

/** The result of `importCheckpoints`. */
export interface ImportedPairs {
  /** The pairs folder. */
  out: string;
  /** The tasks, in the order of the configuration. */
  tasks: ImportedTask[];
}

/**
 * Takes the checkpoints that LLaMA-Factory, TRL or any other trainer of Hugging Face wrote (`<from>/<task>/checkpoint-N`)
 * over into a pairs folder, with the tasks' prompts. The folder appears whole, and only if `openPairs` accepts it.
 * @throws DndError FILE_NOT_FOUND for a task without checkpoints; as `openPairs` and `readFinetuneConfig`; INVALID_PROMPTS;
 * OUTPUT_EXISTS, DISK_FULL, NOT_WRITABLE; `signal.reason`
 */
export async function importCheckpoints(options: ImportOptions): Promise<ImportedPairs> {
  const { from, config, last, force, signal, onProgress } = checkOptions(options, 'options of importCheckpoints');
  checkPath(from, 'from (the folder of the outputs)');
  checkWholeNumber(last, 'last', 1);
  const out = resolve(checkPath(options.out, 'out (the output folder)'));
  const { base: configured, tasks: listed, ...settings } = await readFinetuneConfig(config);
  const tasks = await listTasks(listed);
  const base = await findBase(options.base, configured);
  const imported: ImportedTask[] = [];
  await writeFolderAtomically(out, { force, signal, marker: PAIRS_FILE }, async (staging) => {
    for (const task of tasks) {
      signal?.throwIfAborted();
      imported.push(await importTask(task, fieldsOf(settings), join(from, task.name), join(staging, task.name), last));
      onProgress?.(imported.length / (tasks.length + 1));
    }
    await writeFileAtomically(join(staging, PAIRS_FILE), manifestText(base, tasks), { durable: false });
    await openPairs(staging, { signal });
  });
  onProgress?.(1);
  return { out, tasks: imported };
}

async function findBase(given: string | undefined, configured: string | undefined): Promise<BaseModel | null> {
  if (given !== undefined) return readBaseModel(given);
  return configured !== undefined && (await isBaseModel(configured)) ? readBaseModel(configured) : null;
}

async function importTask(
  task: FinetuneTask,
  fields: PromptFields,
  source: string,
  target: string,
  last: number | undefined,
): Promise<ImportedTask> {
  const texts = await readTaskItems(task, fields);
  const found = await checkpointsIn(source, task.name);
  const chosen = last === undefined ? found : found.slice(-last);
  for (const name of chosen) {
    const folder = join(target, 'checkpoints', name);
    await mkdir(folder, { recursive: true });
    for (const file of [PEFT_TENSORS_FILE, PEFT_CONFIG_FILE])
      await copyFile(join(source, name, file), join(folder, file)).catch((error) => {
        throw error.code === 'ENOENT' ? readError(error, join(source, name, file)) : writeError(error, folder);
      });
  }
  await writeTexts(target, texts, false);
  return { task: task.name, prompts: texts.items.length, checkpoints: chosen.length };
}

/** Oldest first. The adapter beside them, which trainers save at the end, is the last of them again. */
async function checkpointsIn(source: string, task: string): Promise<string[]> {
  const names = (await isFolder(source)) ? await readdir(source) : [];
  const found: string[] = [];
  for (const name of names.filter((name) => /^checkpoint-\d+$/.test(name)).sort(compareNaturally))
    if ((await kindOf(join(source, name, PEFT_TENSORS_FILE))) === 'file') found.push(name);
  if (found.length > 0) return found;
  throw new DndError(
    'FILE_NOT_FOUND',
    `task ${task}: ${source} has no checkpoints; expected folders checkpoint-… with ${PEFT_TENSORS_FILE}. Finish its run first, or give the folder that has the output folder of each task`,
  );
}

function manifestText(base: BaseModel | null, tasks: readonly FinetuneTask[]): string {
  const pairs = {
    formatVersion: PAIRS_FORMAT_VERSION,
    ...(base === null ? {} : { base: configOfBase(base) }),
    tasks: tasks.map(({ name }) => name),
    heldOut: tasks.filter(({ heldOut }) => heldOut).map(({ name }) => name),
  };
  return `${JSON.stringify(pairs, null, 2)}\n`;
}
