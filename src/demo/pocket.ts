import { join } from 'node:path';
import { readJson } from '../files/index.js';
import { readPromptItems } from '../prompts/index.js';
import { Fields } from '../validation/index.js';
import { requireKnownWords } from './known-words.js';
import type { DemoWorld } from './world.js';

/** The pocket world that the package contains: beside dist, or src. docs/pocket.md describes it. */
const POCKET_FOLDER = join(__dirname, '..', '..', 'pocket');
const INDEX_FILE = 'pocket.json';
const INDEX_VERSION = 1;
/** More than the longest reply of the pocket language. */
const MOST_NEW_TOKENS = 24;

/**
 * The pocket world.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, NEWER_FORMAT
 */
export async function readPocketWorld(folder = POCKET_FOLDER): Promise<DemoWorld> {
  const path = join(folder, INDEX_FILE);
  const fields = new Fields(await readJson(path), path);
  fields.checkFormatVersion(INDEX_VERSION, 'pocket world');
  const list = fields.raw('tasks');
  if (!Array.isArray(list) || list.length === 0) throw fields.invalid('tasks', 'a list of tasks');
  const tasks = list.map((task, index) => {
    const one = new Fields(task, path, `tasks[${index}]`);
    return { name: one.text('name'), about: one.text('about') };
  });
  return {
    base: { path: join(folder, 'base') },
    encoder: undefined,
    tasks,
    maxNewTokens: MOST_NEW_TOKENS,
    generatorOf: async () => join(folder, 'generator'),
    dataOf: async ({ name }) => {
      const prompts = await readPromptItems(join(folder, 'tasks', name, 'prompts.json'));
      const test = await readPromptItems(join(folder, 'tasks', name, 'test.json'));
      return { prompts: prompts.map(({ prompt }) => prompt), test };
    },
    checkPrompts: requireKnownWords,
  };
}
