import { join, resolve } from 'node:path';
import { type BaseModel, baseModelFromConfig, readBaseModel, selectModules } from '../../adapter/index.js';
import { DndError } from '../../errors.js';
import { exists, readJson } from '../../files/index.js';
import type { PromptFields } from '../../prompts/index.js';
import { Fields, isObject, isText, quote, quoteValue } from '../../validation/index.js';
import type { PairsAdapter } from './types.js';

export const PAIRS_FILE = 'pairs.json';
export const PAIRS_FORMAT_VERSION = 1;

/** The contents of pairs.json; every field is optional. */
export interface PairsManifest {
  base: BaseModel | null;
  adapter: Partial<PairsAdapter>;
  /** The adapter to take where a checkpoint holds several: the name of its folder. */
  adapterName: string | null;
  /** Absolute path of the PEFT folder with the adapter that every task starts from; null: there is none. */
  start: string | null;
  /** null: taken from the subfolders. */
  tasks: TaskPlaces[] | null;
  heldOut: string[];
  /** How the prompts files are read. */
  fields: PromptFields;
}

/** A task, with the paths of its files if not the default ones. */
export interface TaskPlaces {
  name: string;
  /** Absolute. */
  prompts: string | null;
  descriptions: string | null;
  checkpoints: string | null;
}

/** A task whose files are where they are by default. */
export function inOwnFolder(name: string): TaskPlaces {
  return { name, prompts: null, descriptions: null, checkpoints: null };
}

const FIELD_KEYS = ['promptField', 'responseField', 'system'] as const;
const KEYS = ['formatVersion', 'base', 'adapter', 'adapterName', 'start', 'tasks', 'heldOut', ...FIELD_KEYS];
const ADAPTER_KEYS = ['rank', 'alpha', 'useRslora', 'modules'];
const TASK_KEYS = ['prompts', 'descriptions', 'checkpoints'] as const;

/**
 * Reads pairs.json of a pairs folder; all defaults if there is none.
 * @throws DndError NEWER_FORMAT; CORRUPT_FILE for invalid JSON; INVALID_PAIRS for an unknown key (with the nearest
 * known one) or an invalid value; for the base model as `readBaseModel`
 */
export async function readPairsManifest(folder: string): Promise<PairsManifest> {
  const path = join(folder, PAIRS_FILE);
  if (!(await exists(path)))
    return { base: null, adapter: {}, adapterName: null, start: null, tasks: null, heldOut: [], fields: {} };
  const fields = new Fields(await readJson(path), path, '', 'INVALID_PAIRS');
  if (fields.raw('formatVersion') !== undefined) fields.checkFormatVersion(PAIRS_FORMAT_VERSION, 'pairs');
  fields.refuseOthers(KEYS);
  return {
    base: await parseBase(fields, folder),
    adapter: fields.raw('adapter') === undefined ? {} : parseAdapter(fields.section('adapter')),
    adapterName: fields.textOrNull('adapterName'),
    start: (fields.raw('start') ?? null) === null ? null : resolve(folder, fields.text('start')),
    tasks: parseTasks(fields, folder),
    heldOut: fields.raw('heldOut') === undefined ? [] : names(fields, 'heldOut'),
    fields: Object.fromEntries(
      FIELD_KEYS.filter((key) => (fields.raw(key) ?? null) !== null).map((key) => [key, fields.text(key)]),
    ),
  };
}

async function parseBase(fields: Fields, folder: string): Promise<BaseModel | null> {
  const base = fields.raw('base') ?? null;
  if (base === null) return null;
  if (isText(base)) return readBaseModel(resolve(folder, base));
  if (isObject(base)) return baseModelFromConfig(base, `base in ${fields.source}`);
  throw fields.invalid('base', 'a path to a config.json or a GGUF file, or what is in a config.json');
}

function parseAdapter(fields: Fields): Partial<PairsAdapter> {
  fields.refuseOthers(ADAPTER_KEYS);
  const has = (name: string) => fields.raw(name) !== undefined;
  return {
    ...(has('rank') ? { rank: fields.wholeNumber('rank', 1) } : {}),
    ...(has('alpha') ? { alpha: fields.positiveNumber('alpha') } : {}),
    ...(has('useRslora') ? { useRslora: fields.boolean('useRslora') } : {}),
    ...(has('modules') ? { modules: parseModules(fields) } : {}),
  };
}

function parseModules(fields: Fields): PairsAdapter['modules'] {
  const modules = names(fields, 'modules');
  try {
    return selectModules(modules).map(({ name }) => name);
  } catch (cause) {
    throw new DndError('INVALID_PAIRS', `${fields.source}: adapter.modules: ${(cause as Error).message}`, { cause });
  }
}

function parseTasks(fields: Fields, folder: string): TaskPlaces[] | null {
  const value = fields.raw('tasks');
  if (value === undefined) return null;
  if (Array.isArray(value)) return names(fields, 'tasks').map(inOwnFolder);
  if (!isObject(value)) throw fields.invalid('tasks', 'a list of names, or an object by name');
  const tasks = fields.section('tasks');
  return Object.keys(value).map((name) => {
    if (!isName(name)) throw fields.invalid('tasks', `names of tasks, not ${quote(name)}`);
    const places = tasks.section(name);
    places.refuseOthers(TASK_KEYS);
    const placeOf = (key: (typeof TASK_KEYS)[number]) => {
      const place = places.raw(key);
      if (place === undefined) return null;
      if (isText(place)) return resolve(folder, place);
      throw places.invalid(key, 'a path');
    };
    return {
      name,
      prompts: placeOf('prompts'),
      descriptions: placeOf('descriptions'),
      checkpoints: placeOf('checkpoints'),
    };
  });
}

/** Names of tasks or modules, each once. */
function names(fields: Fields, field: string): string[] {
  const value = fields.raw(field);
  if (!Array.isArray(value)) throw fields.invalid(field, 'a list of names');
  const wrong = value.find((name) => !isName(name));
  if (wrong !== undefined) throw fields.invalid(field, `names, not ${quoteValue(wrong)}`);
  const repeated = value.find((name, index) => value.indexOf(name) !== index);
  if (repeated !== undefined) throw fields.invalid(field, `each name once, not ${quote(repeated)} twice`);
  return value;
}

/** A path that stays inside the folder. */
function isName(name: unknown): name is string {
  return typeof name === 'string' && /^[^/\\\0]{1,255}$/.test(name) && !name.startsWith('.');
}
