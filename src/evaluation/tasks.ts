import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DndError } from '../errors.js';
import { exists, isFolder, readError, readJson } from '../files/index.js';
import type { Example } from '../language/index.js';
import { readPromptItems } from '../prompts/index.js';
import { checkPath, Fields, nearest, quote } from '../validation/index.js';

/** A task that adapters are tried on. */
export interface EvaluationTask {
  name: string;
  /** Unlabeled prompts, from which its adapter is generated. */
  prompts: readonly string[];
  /** Prompts with the right responses, which no adapter was trained or generated from. */
  test: readonly Example[];
}

/**
 * Reads the tasks of a folder: for each a folder with `test.json` and `prompts.json` (else `train.json`), or a file
 * `<task>.json` of the form `{ "train": […], "test": […] }`.
 * @param names only these, each once and at least one; default: all, by name
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE; INVALID_ARGUMENT for an unknown name, with the nearest, a
 * repeated one, an empty list, or a folder without tasks; INVALID_PROMPTS for a task without test items or with one that has no response
 */
export async function readTasks(folder: string, names?: readonly string[]): Promise<EvaluationTask[]> {
  checkPath(folder, 'the folder of tasks');
  if (names) checkNames(names);
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    throw readError(error, `the folder of tasks ${folder}`);
  });
  const found = new Map<string, string>();
  for (const { name } of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const path = join(folder, name);
    if (await exists(join(path, 'test.json'))) found.set(name, path);
    else if (name.endsWith('.json') && name !== 'index.json' && !(await isFolder(path)))
      found.set(name.slice(0, -'.json'.length), path);
  }
  if (found.size === 0)
    throw new DndError(
      'INVALID_ARGUMENT',
      `${folder} has no tasks; expected <task>/test.json beside <task>/prompts.json, or <task>.json with train and test`,
    );
  const tasks: EvaluationTask[] = [];
  for (const name of names ?? found.keys()) {
    const path = found.get(name);
    if (path === undefined)
      throw new DndError(
        'INVALID_ARGUMENT',
        `there is no task ${quote(name)} in ${folder}; did you mean ${quote(nearest(name, [...found.keys()])!)}?`,
      );
    tasks.push(path.endsWith('.json') ? await readTaskFile(name, path) : await readTaskFolder(name, path));
  }
  return tasks;
}

function checkNames(names: readonly string[]): void {
  if (names.length === 0)
    throw new DndError(
      'INVALID_ARGUMENT',
      'task names: the list is empty; expected at least one name, or no list for all',
    );
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  if (repeated !== undefined)
    throw new DndError('INVALID_ARGUMENT', `task names: ${quote(repeated)} is given twice; expected each task once`);
}

async function readTaskFolder(name: string, folder: string): Promise<EvaluationTask> {
  const own = join(folder, 'prompts.json');
  const prompts = await readPromptItems((await exists(own)) ? own : join(folder, 'train.json'));
  const source = join(folder, 'test.json');
  const test = await readPromptItems(source);
  return checked({ name, prompts: prompts.map(({ prompt }) => prompt), test }, source);
}

async function readTaskFile(name: string, path: string): Promise<EvaluationTask> {
  const fields = new Fields(await readJson(path), path);
  const itemsOf = (part: 'train' | 'test'): Example[] => {
    const list = fields.raw(part);
    if (!Array.isArray(list)) throw fields.invalid(part, 'a list of { prompt, response }');
    return list.map((item, index) => {
      const one = new Fields(item, path, `${part}[${index}]`);
      return { prompt: one.text('prompt'), response: one.text('response') };
    });
  };
  return checked({ name, prompts: itemsOf('train').map(({ prompt }) => prompt), test: itemsOf('test') }, path);
}

function checked(task: EvaluationTask, source: string): EvaluationTask {
  const { name, prompts, test } = task;
  if (test.length === 0 || prompts.length === 0)
    throw new DndError(
      'INVALID_PROMPTS',
      `task ${name}: ${source} has ${test.length} test items and ${prompts.length} prompts to generate from; expected at least one of each`,
    );
  const without = test.findIndex(({ response }) => response === '');
  if (without >= 0)
    throw new DndError(
      'INVALID_PROMPTS',
      `task ${name}: item ${without + 1} of ${source} has no response; an answer can be right only where the right one is known`,
    );
  return task;
}
