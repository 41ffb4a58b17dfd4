import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { eventLoopYielder } from '../async/index.js';
import { DndError } from '../errors.js';
import { isFolder, readError } from '../files/index.js';
import { type EncodedExample, encodeExample, type PromptFormat } from '../language/index.js';
import { type PromptFields, type PromptItem, promptFile, readPromptItems, readPromptSet } from '../prompts/index.js';
import { quote } from '../validation/index.js';
import { checkTasks, type FinetuneTask, TASK_FILES } from './config.js';

/** What a generator is conditioned on: a task's part of the pairs beside its checkpoints. */
export interface TaskTexts {
  items: readonly PromptItem[];
  /** Descriptions of the task; undefined without any. */
  about: readonly string[] | undefined;
}

/** A task, read and encoded. */
export interface TaskData extends FinetuneTask, TaskTexts {
  examples: readonly EncodedExample[];
  /** SHA-256 over the examples' token ids, the items and the descriptions: equal exactly when the same is learnt and written. */
  digest: string;
}

/** Names that a pairs folder of ours uses itself. */
const RESERVED = ['joint'];

/**
 * The tasks of a folder: each sub-folder with a train file, by name.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED; INVALID_ARGUMENT for a folder without tasks
 */
async function tasksOfFolder(folder: string): Promise<FinetuneTask[]> {
  const names = await readdir(folder).catch((error) => {
    throw readError(error, `folder of tasks ${folder}`);
  });
  const tasks: FinetuneTask[] = [];
  for (const name of names.sort()) {
    if (name.startsWith('.') || !(await isFolder(join(folder, name)))) continue;
    const train = await promptFile(join(folder, name), 'train', 'INVALID_ARGUMENT');
    if (train === undefined) continue;
    const task: FinetuneTask = { name, train };
    for (const key of TASK_FILES) {
      const file = await promptFile(join(folder, name), key, 'INVALID_ARGUMENT');
      if (file !== undefined) task[key] = file;
    }
    tasks.push(task);
  }
  if (tasks.length > 0) return tasks;
  throw new DndError(
    'INVALID_ARGUMENT',
    `${folder} has no tasks; expected a folder for each, with train.json, train.jsonl, train.csv or another prompt file called train in it`,
  );
}

/**
 * The tasks of a configuration, or of a folder.
 * @throws DndError INVALID_ARGUMENT; as `tasksOfFolder`
 */
export async function listTasks(tasks: unknown): Promise<readonly FinetuneTask[]> {
  const checked = checkTasks(tasks, 'the settings');
  const found = typeof checked === 'string' ? await tasksOfFolder(checked) : checked;
  checkTaskNames(found);
  return found;
}

/** @throws DndError INVALID_ARGUMENT for names that cannot be folders of a pairs folder, or repeat */
function checkTaskNames(tasks: readonly FinetuneTask[]): void {
  const seen = new Set<string>();
  for (const { name } of tasks) {
    if (!/^[^/\\\0]{1,255}$/.test(name) || name.startsWith('.') || RESERVED.includes(name.toLowerCase()))
      throw new DndError(
        'INVALID_ARGUMENT',
        `a task cannot be called ${quote(name)}; expected the name of a folder that does not start with a dot and is not ${RESERVED.join(', ')}`,
      );
    // Some file systems do not distinguish them.
    const key = name.toLowerCase();
    if (seen.has(key)) throw new DndError('INVALID_ARGUMENT', `there are two tasks called ${quote(name)}; rename one`);
    seen.add(key);
  }
  if (tasks.some(({ heldOut }) => !heldOut)) return;
  throw new DndError('INVALID_ARGUMENT', 'every task is held out; leave at least one to train a generator on');
}

export interface EncodeOptions {
  system: string | undefined;
  /** How prompt files are read. */
  fields?: PromptFields | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Reads a task's data, for any trainer.
 * @throws DndError INVALID_PROMPTS that names file and item, for an item without a response, or a task with fewer than
 * two prompts; as `readPromptItems`
 */
export async function readTaskItems(
  task: FinetuneTask,
  fields: PromptFields,
): Promise<TaskTexts & { trained: PromptItem[] }> {
  const trained = await readPromptItems(task.train, fields);
  const items = task.prompts === undefined ? trained : await readPromptItems(task.prompts, fields);
  requireSeveral(task.name, trained, task.train);
  if (task.prompts !== undefined) requireSeveral(task.name, items, task.prompts);
  requireResponses(trained, task.train);
  const about = task.descriptions === undefined ? undefined : await readPromptSet(task.descriptions);
  return { trained, items, about };
}

/**
 * Reads and encodes a task's data.
 * @throws DndError INVALID_PROMPTS for an example that is longer than the context; as `readTaskItems` and `encodeExample`
 */
export async function readTask(format: PromptFormat, task: FinetuneTask, options: EncodeOptions): Promise<TaskData> {
  const { trained, items, about } = await readTaskItems(task, options.fields ?? {});
  const examples = await encodeItems(format, trained, task.train, options);
  return { ...task, items, about, examples, digest: digestOf(examples, { items, about }) };
}

/** The examples of a prompt file. Errors: as `readTask` */
export async function readExamples(
  format: PromptFormat,
  file: string,
  options: EncodeOptions,
): Promise<{ examples: EncodedExample[]; digest: string }> {
  const items = await readPromptItems(file, options.fields);
  requireResponses(items, file);
  const examples = await encodeItems(format, items, file, options);
  return { examples, digest: digestOf(examples, { items: [], about: undefined }) };
}

async function encodeItems(
  format: PromptFormat,
  items: readonly PromptItem[],
  file: string,
  { system, signal }: EncodeOptions,
): Promise<EncodedExample[]> {
  const yieldToEventLoop = eventLoopYielder();
  const examples: EncodedExample[] = [];
  for (const [index, { prompt, response }] of items.entries()) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    examples.push(encodeExample(format, { prompt, response, system }, `item ${index + 1} of ${file}`));
  }
  return examples;
}

/** @throws DndError INVALID_PROMPTS */
export function requireResponses(items: readonly PromptItem[], file: string): void {
  const missing = items.findIndex(({ response }) => response === '');
  if (missing < 0) return;
  throw new DndError(
    'INVALID_PROMPTS',
    `item ${missing + 1} of ${file} has no response, and fine-tuning needs one of every prompt; expected { "prompt": …, "response": … }`,
  );
}

function requireSeveral(task: string, items: readonly PromptItem[], file: string): void {
  if (new Set(items.map(({ prompt }) => prompt)).size > 1) return;
  throw new DndError(
    'INVALID_PROMPTS',
    `task ${task}: ${file} has a single prompt, and a task is known by several. Give at least two, better a hundred`,
  );
}

function digestOf(examples: readonly EncodedExample[], { items, about }: TaskTexts): string {
  const hash = createHash('sha256');
  for (const { ids, labelled } of examples) hash.update(JSON.stringify([[...ids], labelled]));
  for (const { prompt, response } of items) hash.update(JSON.stringify([prompt, response]));
  if (about) hash.update(JSON.stringify(about));
  return hash.digest('hex');
}
