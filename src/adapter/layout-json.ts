import { Fields, isObject } from '../validation/index.js';
import type { BaseModel } from './base-model.js';
import { widthsOf } from './base-model.js';
import type { LayoutFields, LayoutOptions } from './layout-options.js';
import { KNOWN_MODULES, MODULES, type ModuleName, type Widths } from './modules.js';
import { NORMALISATIONS, type Normalisation } from './normalisation.js';

interface CommonJson {
  rank: number;
  modules: ModuleName[];
  chunk: number;
  layersPath: string;
  /** Missing: 'chunk'. */
  normalisation?: Normalisation;
}

/**
 * The stored form of a layout: with its base model, or with the widths and layers of the tensors it was derived from.
 */
export type LayoutJson = CommonJson & ({ base: BaseModel } | { widths: Partial<Widths>; layers: number[] });

const MAX_SIZE = 2 ** 20;

/** Reads what `toJSON` wrote; everything in it is checked. */
export function parseLayout(json: unknown, source: string): LayoutOptions | LayoutFields {
  const fields = new Fields(json, source);
  const modules = fields.texts('modules');
  if (modules.length === 0 || !modules.every((name) => KNOWN_MODULES.includes(name as ModuleName)))
    throw fields.invalid('modules', `a list of ${KNOWN_MODULES.join(', ')}`);
  const normalisation =
    fields.raw('normalisation') === undefined ? 'chunk' : fields.oneOf('normalisation', NORMALISATIONS);
  const common = { rank: sizeOf(fields, 'rank'), chunk: sizeOf(fields, 'chunk'), modules, normalisation };
  const layersPath = fields.raw('layersPath');
  if (typeof layersPath !== 'string') throw fields.invalid('layersPath', 'a text');
  if (isObject(fields.raw('base'))) return { base: parseBase(fields.section('base')), ...common, layersPath };
  if (!isObject(fields.raw('widths'))) throw fields.invalid('base', 'a base model, or widths instead');
  const layers = fields.wholeNumbers('layers', 0);
  if (layers.length === 0 || layers.some((layer, index) => layer > MAX_SIZE || layer <= (layers[index - 1] ?? -1)))
    throw fields.invalid('layers', 'a list of ascending numbers');
  const widths = fields.section('widths');
  const inUse = MODULES.filter(({ name }) => modules.includes(name)).flatMap(({ input, output }) => [input, output]);
  const known = Object.fromEntries(inUse.map((name) => [name, sizeOf(widths, name)])) as Partial<Widths>;
  return { base: null, widths: known, layers, ...common, layersPath };
}

function parseBase(fields: Fields): BaseModel {
  const [name, modelType] = [fields.raw('name'), fields.raw('modelType')];
  if (name !== null && typeof name !== 'string') throw fields.invalid('name', 'a text or null');
  if (typeof modelType !== 'string') throw fields.invalid('modelType', 'a text');
  const base = {
    name,
    modelType,
    hidden: sizeOf(fields, 'hidden'),
    heads: sizeOf(fields, 'heads'),
    kvHeads: sizeOf(fields, 'kvHeads'),
    headDim: sizeOf(fields, 'headDim'),
    intermediate: sizeOf(fields, 'intermediate'),
    layers: sizeOf(fields, 'layers'),
  };
  if (Object.values(widthsOf(base)).some((width) => width > MAX_SIZE))
    throw fields.invalid('headDim', `a size with which heads · headDim is at most ${MAX_SIZE}`);
  return base;
}

function sizeOf(fields: Fields, name: string): number {
  return fields.wholeNumber(name, 1, MAX_SIZE);
}
