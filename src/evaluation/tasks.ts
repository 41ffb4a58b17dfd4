import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DndError } from '../errors.js';
import { isFolder, readError, readJson } from '../files/index.js';
import type { ConditionTexts } from '../generator/condition-form.js';
import type { Example } from '../language/index.js';
import {
  type PromptFields,
  promptFile,
  promptFileNames,
  promptItemsOf,
  readPromptItems,
  readPromptSet,
} from '../prompts/index.js';
import { checkPath, Fields, nearest, quote } from '../validation/index.js';

/** A task that adapters are tried on. */
export interface EvaluationTask {
  /** Name of the task: that of its folder or file. */
  name: string;
  /** Unlabeled prompts, from which its adapter is generated. */
  prompts: readonly string[];
  /** Texts that each describe the task, for generators that make its adapter from these; missing without any. */
  descriptions?: readonly string[];
  /** Prompts with the right responses, which no adapter was trained or generated from. */
  test: readonly Example[];
}

/** A task, and what the generator at hand is given of it. */
export interface TriedTask extends Pick<EvaluationTask, 'name' | 'test'> {
  texts: readonly string[];
}

/** @throws DndError INVALID_PROMPTS for a task that has none of what is given */
export function withTexts({ name, test, prompts, descriptions }: EvaluationTask, given: ConditionTexts): TriedTask {
  const texts = given === 'prompts' ? prompts : (descriptions ?? []);
  if (texts.length > 0) return { name, test, texts };
  throw new DndError(
    'INVALID_PROMPTS',
    `task ${name} has no ${given}, and the generator makes adapters from ${given} of a task; put ${given}.json beside its test.json, or "${given === 'prompts' ? 'train' : given}" into its file`,
  );
}

/**
 * Reads the tasks of a folder: for each a folder with `test.json` and `prompts.json` (else `train.json`) or
 * `descriptions.json`, each in any form of prompt file, or a file `<task>.json` of the form `{ "train": […], "test": […] }`,
 * perhaps with `descriptions`.
 * @param names only these, each once and at least one; default: all, by name
 * @param fields how prompt files are read
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE; INVALID_ARGUMENT for an unknown name, with the nearest, a
 * repeated one, an empty list, or a folder without tasks; INVALID_PROMPTS for a task without test items or with one that
 * has no response, and as `readPromptItems`
 */
export async function readTasks(
  folder: string,
  names?: readonly string[],
  fields: PromptFields = {},
): Promise<EvaluationTask[]> {
  checkPath(folder, 'the folder of tasks');
  if (names) checkNames(names);
  const found = await findTasks(folder);
  if (found.size === 0)
    throw new DndError(
      'INVALID_ARGUMENT',
      `${folder} has no tasks; expected <task>/test.json beside <task>/prompts.json, or <task>.json with train and test`,
    );
  const tasks: EvaluationTask[] = [];
  for (const name of names ?? found.keys()) {
    const place = found.get(name);
    if (place === undefined)
      throw new DndError(
        'INVALID_ARGUMENT',
        `there is no task ${quote(name)} in ${folder}; did you mean ${quote(nearest(name, [...found.keys()])!)}?`,
      );
    const { path, test } = place;
    tasks.push(
      test === undefined ? await readTaskFile(name, path, fields) : await readTaskFolder(name, path, test, fields),
    );
  }
  return tasks;
}

/** A task's folder and its test file, or its only file. */
interface TaskPlace {
  path: string;
  test: string | undefined;
}

async function findTasks(folder: string): Promise<Map<string, TaskPlace>> {
  const entries = await readdir(folder).catch((error) => {
    throw readError(error, `the folder of tasks ${folder}`);
  });
  const found = new Map<string, TaskPlace>();
  const add = (name: string, place: TaskPlace) => {
    const other = found.get(name);
    if (other !== undefined)
      throw new DndError(
        'INVALID_PROMPTS',
        `${folder}: has the task ${quote(name)} twice, as ${basename(other.path)} and ${basename(place.path)}. Keep one of them`,
      );
    found.set(name, place);
  };
  for (const name of entries.sort()) {
    const path = join(folder, name);
    if (await isFolder(path)) {
      const test = name.startsWith('.') ? undefined : await promptFile(path, 'test', 'INVALID_PROMPTS');
      if (test !== undefined) add(name, { path, test });
    } else if (/\.json$/i.test(name) && name.toLowerCase() !== 'index.json')
      add(name.slice(0, -'.json'.length), { path, test: undefined });
  }
  return found;
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

async function readTaskFolder(
  name: string,
  folder: string,
  source: string,
  fields: PromptFields,
): Promise<EvaluationTask> {
  const own =
    (await promptFile(folder, 'prompts', 'INVALID_PROMPTS')) ?? (await promptFile(folder, 'train', 'INVALID_PROMPTS'));
  const about = await promptFile(folder, 'descriptions', 'INVALID_PROMPTS');
  if (own === undefined && about === undefined)
    throw new DndError(
      'FILE_NOT_FOUND',
      `task ${name}: ${folder} has no prompts; expected ${promptFileNames('prompts')}, or the same with "train" or "descriptions"`,
    );
  const prompts = own === undefined ? [] : await readPromptItems(own, fields);
  const descriptions = about === undefined ? [] : await readPromptSet(about);
  const test = await readPromptItems(source, fields);
  return checked(name, prompts, descriptions, test, source);
}

async function readTaskFile(name: string, path: string, prompts: PromptFields): Promise<EvaluationTask> {
  const fields = new Fields(await readJson(path), path);
  const itemsOf = async (part: 'train' | 'test' | 'descriptions'): Promise<Example[]> => {
    const list = fields.raw(part) ?? (part === 'descriptions' ? [] : undefined);
    if (!Array.isArray(list)) throw fields.invalid(part, 'a list of { prompt, response }');
    return list.length === 0 ? [] : promptItemsOf(list, `${path}: ${part}`, prompts);
  };
  const descriptions = await itemsOf('descriptions');
  const about = descriptions.map(({ prompt }) => prompt);
  return checked(name, await itemsOf('train'), about, await itemsOf('test'), path);
}

function checked(
  name: string,
  items: readonly Example[],
  descriptions: readonly string[],
  test: readonly Example[],
  source: string,
): EvaluationTask {
  if (test.length === 0 || items.length + descriptions.length === 0)
    throw new DndError(
      'INVALID_PROMPTS',
      `task ${name}: ${source} has ${test.length} test items and ${items.length} prompts to generate from; expected at least one of each`,
    );
  const without = test.findIndex(({ response }) => response === '');
  if (without >= 0)
    throw new DndError(
      'INVALID_PROMPTS',
      `task ${name}: item ${without + 1} of ${source} has no response; an answer can be right only where the right one is known`,
    );
  const prompts = items.map(({ prompt }) => prompt);
  return { name, prompts, ...(descriptions.length > 0 && { descriptions }), test };
}
