import { join } from 'node:path';
import { DndError } from '../errors.js';
import { readJson } from '../files/index.js';
import { type PromptItem, readPromptItems } from '../prompts/index.js';
import { Fields, nearest, quote } from '../validation/index.js';

/** The pocket world that the package contains: beside dist, or src. */
export const POCKET_FOLDER = join(__dirname, '..', '..', 'pocket');
const INDEX_FILE = 'pocket.json';
const INDEX_VERSION = 1;

/** A task of the pocket world. */
export interface PocketTask {
  name: string;
  /** What it is, in words. */
  about: string;
}

/** What a pocket folder has, docs/pocket.md describes it: a base model, a generator, and tasks that it never saw. */
export interface PocketWorld {
  base: string;
  generator: string;
  /** All of them held out when the generator was trained. */
  tasks: PocketTask[];
}

/**
 * Reads the index of a pocket folder.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, NEWER_FORMAT
 */
export async function readPocketWorld(folder: string): Promise<PocketWorld> {
  const path = join(folder, INDEX_FILE);
  const fields = new Fields(await readJson(path), path);
  fields.checkFormatVersion(INDEX_VERSION, 'pocket world');
  const list = fields.raw('tasks');
  if (!Array.isArray(list) || list.length === 0) throw fields.invalid('tasks', 'a list of tasks');
  const tasks = list.map((task, index) => {
    const one = new Fields(task, path, `tasks[${index}]`);
    return { name: one.text('name'), about: one.text('about') };
  });
  return { base: join(folder, 'base'), generator: join(folder, 'generator'), tasks };
}

/**
 * The task called `name`; without a name, the first.
 * @throws DndError INVALID_ARGUMENT, with the nearest name
 */
export function findTask({ tasks }: PocketWorld, name: string | undefined): PocketTask {
  const task = name === undefined ? tasks[0] : tasks.find((one) => one.name === name);
  if (task) return task;
  const names = tasks.map((one) => one.name);
  throw new DndError(
    'INVALID_ARGUMENT',
    `there is no held-out task ${quote(name!)}; did you mean ${quote(nearest(name!, names)!)}? dnd demo --list names all ${tasks.length}`,
  );
}

/**
 * The prompts from which a task's adapter is generated, and the items that it is tried on.
 * @throws DndError as `readPromptItems`
 */
export async function readTaskData(folder: string, name: string): Promise<{ prompts: string[]; test: PromptItem[] }> {
  const prompts = await readPromptItems(join(folder, 'tasks', name, 'prompts.json'));
  return {
    prompts: prompts.map(({ prompt }) => prompt),
    test: await readPromptItems(join(folder, 'tasks', name, 'test.json')),
  };
}
