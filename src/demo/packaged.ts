import { join } from 'node:path';
import { readJson } from '../files/index.js';
import { findGeneratorPackage, folderInPackage } from '../generator/generator-package.js';
import { type PromptItem, promptItemsOf } from '../prompts/index.js';
import { Fields, isText, isWholeNumber } from '../validation/index.js';
import type { DemoTask, DemoWorld, TaskData } from './world.js';

/** What the demo shows of a package of generators. docs/generator-packages.md describes it. */
const DEMO_FILE = 'demo.json';
const DEMO_VERSION = 1;
const FEWEST_PROMPTS = 16;
const MOST_NEW_TOKENS = 64;

interface PackagedTask extends DemoTask, TaskData {
  /** Its name in the package; undefined: the standard one. */
  generator: string | undefined;
}

/**
 * The world that an installed npm package of generators shows.
 * @param name of the package
 * @throws DndError as `findGeneratorPackage`; FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, NEWER_FORMAT, INVALID_PROMPTS for
 * its demo.json
 */
export async function readPackagedWorld(name: string): Promise<DemoWorld> {
  const generators = await findGeneratorPackage(name);
  const path = join(generators.folder, DEMO_FILE);
  const fields = new Fields(await readJson(path), path);
  fields.checkFormatVersion(DEMO_VERSION, 'demo');
  const list = fields.raw('tasks');
  if (!Array.isArray(list) || list.length === 0) throw fields.invalid('tasks', 'a list of tasks');
  const tasks: PackagedTask[] = [];
  for (const [index, task] of list.entries()) tasks.push(await taskOf(new Fields(task, path, `tasks[${index}]`)));
  const packaged = ({ name: wanted }: DemoTask) => tasks.find((one) => one.name === wanted)!;
  const encoder = fields.textOrNull('encoder');
  const maxNewTokens = fields.raw('maxNewTokens') ?? MOST_NEW_TOKENS;
  if (!isWholeNumber(maxNewTokens, 1)) throw fields.invalid('maxNewTokens', 'a whole number from 1');
  return {
    base: { repository: fields.text('base') },
    encoder: encoder === null ? undefined : { repository: encoder },
    tasks: tasks.map(({ name: task, about }) => ({ name: task, about })),
    maxNewTokens,
    generatorOf: (task) => folderInPackage(generators, task ? packaged(task).generator : undefined),
    dataOf: async (task) => packaged(task),
  };
}

async function taskOf(fields: Fields): Promise<PackagedTask> {
  const prompts = fields.texts('prompts');
  if (prompts.length < FEWEST_PROMPTS || !prompts.every(isText))
    throw fields.invalid('prompts', `a list of at least ${FEWEST_PROMPTS} texts`);
  const list = fields.raw('test');
  if (!Array.isArray(list) || list.length === 0) throw fields.invalid('test', 'a list of { prompt, response }');
  const test: PromptItem[] = await promptItemsOf(list, `${fields.source}: ${fields.path}.test`);
  return {
    name: fields.text('name'),
    about: fields.text('about'),
    generator: fields.textOrNull('generator') ?? undefined,
    prompts,
    test,
  };
}
