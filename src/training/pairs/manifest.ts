import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type BaseModel, baseModelFromConfig, readBaseModel, selectModules } from '../../adapter/index.js';
import { DndError } from '../../errors.js';
import { readJson } from '../../files/index.js';
import { checkFormatVersion } from '../../format-version.js';
import { nearest } from '../../nearest.js';
import { quote, quoteValue } from '../../validation/quote.js';
import type { PairsAdapter } from './types.js';

export const PAIRS_FILE = 'pairs.json';
export const PAIRS_FORMAT_VERSION = 1;

/** What pairs.json says; all of it may be missing. */
export interface PairsManifest {
  base: BaseModel | null;
  adapter: Partial<PairsAdapter>;
  /** null: the subfolders tell. */
  tasks: TaskPlaces[] | null;
  heldOut: string[];
}

/** A task, and where its parts are when not in the usual places. */
export interface TaskPlaces {
  name: string;
  /** Absolute. */
  prompts: string | null;
  checkpoints: string | null;
}

const KEYS = ['formatVersion', 'base', 'adapter', 'tasks', 'heldOut'];
const ADAPTER_KEYS = ['rank', 'alpha', 'useRslora', 'modules'];
const TASK_KEYS = ['prompts', 'checkpoints'];

/**
 * Reads pairs.json of a pairs folder; nothing where there is none.
 * @throws DndError NEWER_FORMAT; CORRUPT_FILE when it is no JSON; INVALID_PAIRS for a key that it cannot have (naming
 * the nearest one that it can) or a value that cannot be; for the base as `readBaseModel`
 */
export async function readPairsManifest(folder: string): Promise<PairsManifest> {
  const path = join(folder, PAIRS_FILE);
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (!exists) return { base: null, adapter: {}, tasks: null, heldOut: [] };
  const json = object(await readJson(path), 'the file', path);
  checkVersion(json.formatVersion ?? PAIRS_FORMAT_VERSION, path);
  checkKeys(json, KEYS, '', path);
  return {
    base: await parseBase(json.base, folder, path),
    adapter: parseAdapter(json.adapter, path),
    tasks: parseTasks(json.tasks, folder, path),
    heldOut: json.heldOut === undefined ? [] : names(json.heldOut, 'heldOut', path),
  };
}

type Json = Record<string, unknown>;

function wrong(source: string, what: string): DndError {
  return new DndError('INVALID_PAIRS', `${source}: ${what}`);
}

function shown(value: unknown): string {
  return quoteValue(value);
}

function object(value: unknown, what: string, source: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw wrong(source, `${what} must be a JSON object; it is ${shown(value)}`);
}

function checkKeys(json: Json, known: readonly string[], section: string, source: string): void {
  const key = Object.keys(json).find((name) => !known.includes(name));
  if (key === undefined) return;
  throw wrong(
    source,
    `there is no key ${quote(section + key)}; did you mean ${JSON.stringify(section + nearest(key, known))}?`,
  );
}

function checkVersion(version: unknown, source: string): void {
  if (!Number.isSafeInteger(version) || (version as number) < 1)
    throw wrong(source, `formatVersion must be a whole number from 1; it is ${shown(version)}`);
  checkFormatVersion(version as number, PAIRS_FORMAT_VERSION, 'pairs', source);
}

async function parseBase(value: unknown, folder: string, source: string): Promise<BaseModel | null> {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && value !== '') return readBaseModel(resolve(folder, value));
  return baseModelFromConfig(
    object(value, 'base (a path to a config.json, or what is in one)', source),
    `base in ${source}`,
  );
}

function parseAdapter(value: unknown, source: string): Partial<PairsAdapter> {
  if (value === undefined) return {};
  const json = object(value, 'adapter', source);
  checkKeys(json, ADAPTER_KEYS, 'adapter.', source);
  const { rank, alpha, useRslora, modules } = json;
  if (rank !== undefined && !(Number.isSafeInteger(rank) && (rank as number) >= 1))
    throw wrong(source, `adapter.rank must be a whole number from 1; it is ${shown(rank)}`);
  if (alpha !== undefined && !(typeof alpha === 'number' && alpha > 0))
    throw wrong(source, `adapter.alpha must be a number above 0; it is ${shown(alpha)}`);
  if (useRslora !== undefined && typeof useRslora !== 'boolean')
    throw wrong(source, `adapter.useRslora must be true or false; it is ${shown(useRslora)}`);
  return {
    ...(rank === undefined ? {} : { rank: rank as number }),
    ...(alpha === undefined ? {} : { alpha }),
    ...(useRslora === undefined ? {} : { useRslora }),
    ...(modules === undefined ? {} : { modules: parseModules(modules, source) }),
  };
}

function parseModules(value: unknown, source: string): PairsAdapter['modules'] {
  try {
    return selectModules(names(value, 'adapter.modules', source)).map(({ name }) => name);
  } catch (cause) {
    throw wrong(source, `adapter.modules: ${(cause as Error).message}`);
  }
}

function parseTasks(value: unknown, folder: string, source: string): TaskPlaces[] | null {
  if (value === undefined) return null;
  if (Array.isArray(value))
    return names(value, 'tasks', source).map((name) => ({ name, prompts: null, checkpoints: null }));
  const tasks = object(value, 'tasks (a list of names, or an object by name)', source);
  return names(Object.keys(tasks), 'tasks', source).map((name) => {
    const places = object(tasks[name], `tasks.${name}`, source);
    checkKeys(places, TASK_KEYS, `tasks.${name}.`, source);
    const placeOf = (key: 'prompts' | 'checkpoints') => {
      const place = places[key];
      if (place === undefined) return null;
      if (typeof place === 'string' && place !== '') return resolve(folder, place);
      throw wrong(source, `tasks.${name}.${key} must be a path; it is ${shown(place)}`);
    };
    return { name, prompts: placeOf('prompts'), checkpoints: placeOf('checkpoints') };
  });
}

/** Names of tasks or modules: each once, and none that leads out of the folder. */
function names(value: unknown, what: string, source: string): string[] {
  if (!Array.isArray(value)) throw wrong(source, `${what} must be a list of names; it is ${shown(value)}`);
  for (const [index, name] of value.entries()) {
    if (typeof name !== 'string' || !/^[^/\\\0]{1,255}$/.test(name) || name.startsWith('.'))
      throw wrong(source, `${what} holds ${shown(name)}, which is no name of one`);
    if (value.indexOf(name) !== index) throw wrong(source, `${what} holds ${shown(name)} twice`);
  }
  return value;
}
