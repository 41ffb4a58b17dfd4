import { DndError } from '../errors.js';
import { quoteValue } from '../validation/quote.js';
import type { BaseModel } from './base-model.js';
import { widthsOf } from './base-model.js';
import type { LayoutFields, LayoutOptions } from './layout.js';
import { MODULE_NAMES, MODULES, type ModuleName, type Widths } from './modules.js';

interface CommonJson {
  rank: number;
  modules: ModuleName[];
  chunk: number;
  layersPath: string;
}

/** A layout as it is stored: with its base model, or with the widths and layers of the tensors it was derived from. */
export type LayoutJson = CommonJson & ({ base: BaseModel } | { widths: Partial<Widths>; layers: number[] });

const MAX_SIZE = 2 ** 20;

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSize(value: unknown, smallest = 1): value is number {
  return Number.isInteger(value) && (value as number) >= smallest && (value as number) <= MAX_SIZE;
}

/** Reads what `toJSON` wrote; everything in it is checked. */
export function parseLayout(json: unknown, source: string): LayoutOptions | LayoutFields {
  const broken = (what: string) =>
    new DndError('CORRUPT_FILE', `${source} does not describe an adapter layout: ${what}`);
  const sizeOf = (object: Json, key: string): number => {
    const value = object[key];
    if (!isSize(value)) throw broken(`${key} is ${quoteValue(value)} and must be a positive integer`);
    return value;
  };
  if (!isObject(json)) throw broken('it is not an object');
  const { modules, layersPath, layers, widths, base } = json;
  if (!Array.isArray(modules) || modules.length === 0 || !modules.every((name) => MODULE_NAMES.includes(name))) {
    throw broken(`modules must be a list of ${MODULE_NAMES.join(', ')}`);
  }
  if (typeof layersPath !== 'string') throw broken('layersPath must be text');
  const common = { rank: sizeOf(json, 'rank'), chunk: sizeOf(json, 'chunk'), modules: modules as string[], layersPath };
  if (isObject(base)) return { base: parseBase(base, sizeOf, broken), ...common };
  if (!isObject(widths)) throw broken('it has neither a base nor widths');
  const ascending =
    Array.isArray(layers) &&
    layers.every((layer, index) => isSize(layer, 0) && (index === 0 || layer > layers[index - 1]));
  if (!ascending || layers.length === 0) throw broken('layers must be a list of ascending numbers');
  const inUse = MODULES.filter(({ name }) => modules.includes(name)).flatMap(({ input, output }) => [input, output]);
  const known = Object.fromEntries(inUse.map((name) => [name, sizeOf(widths, name)])) as Partial<Widths>;
  return { base: null, widths: known, layers: layers as number[], ...common };
}

function parseBase(
  base: Json,
  sizeOf: (object: Json, key: string) => number,
  broken: (what: string) => DndError,
): BaseModel {
  const { name, modelType } = base;
  if (name !== null && typeof name !== 'string') throw broken('the name of its base must be text or null');
  if (typeof modelType !== 'string') throw broken('the modelType of its base must be text');
  const parsed = {
    name,
    modelType,
    hidden: sizeOf(base, 'hidden'),
    heads: sizeOf(base, 'heads'),
    kvHeads: sizeOf(base, 'kvHeads'),
    headDim: sizeOf(base, 'headDim'),
    intermediate: sizeOf(base, 'intermediate'),
    layers: sizeOf(base, 'layers'),
  };
  if (Object.values(widthsOf(parsed)).some((width) => width > MAX_SIZE)) throw broken(`its heads are too wide`);
  return parsed;
}
