import { invalidValue, isWholeNumber, wholeNumberRange } from '../validation/index.js';
import { MAX_LAYERS } from './base-config.js';
import { layersPathOf, modulesOf } from './base-family.js';
import { type BaseModel, widthsOf } from './base-model.js';
import type { Widths } from './modules.js';
import type { Normalisation } from './normalisation.js';

const MAX_RANK = 2 ** 13;
const MAX_CHUNK = 2 ** 16;

/** Options of a layout with a base model. */
export interface LayoutOptions {
  base: BaseModel;
  rank: number;
  /** Default: all that the base has; the order does not matter. */
  modules?: readonly string[] | undefined;
  /** Columns of a matrix in one weight token. Default: see `defaultChunk`. */
  chunk?: number | undefined;
  /** Module path of the base model's layers. Default: `model.layers`; for bases with an image encoder `model.language_model.layers`. */
  layersPath?: string | undefined;
  /** Default: 'chunk'. */
  normalisation?: Normalisation | undefined;
}

/** The options of a layout without a base model: see `AdapterLayout.fromTensors`. */
export interface LayoutFields {
  base: BaseModel | null;
  /** Of the modules in use. */
  widths: Partial<Widths>;
  layers: readonly number[];
  layersPath: string;
  rank: number;
  modules: readonly string[];
  chunk?: number | undefined;
  normalisation?: Normalisation | undefined;
}

/** @throws DndError INVALID_ARGUMENT */
export function fieldsOfBase({
  base,
  rank,
  modules = modulesOf(base.modelType),
  chunk,
  layersPath = layersPathOf(base.modelType),
  normalisation,
}: LayoutOptions): LayoutFields {
  checkSize('number of layers', base.layers, MAX_LAYERS);
  const layers = Array.from({ length: base.layers }, (_, layer) => layer);
  return { base, widths: widthsOf(base), layers, layersPath, rank, modules, chunk, normalisation };
}

/** @throws DndError INVALID_ARGUMENT for an invalid rank or chunk */
export function checkSizes({ rank, chunk }: LayoutFields): void {
  checkSize('rank', rank, MAX_RANK);
  if (chunk !== undefined) checkSize('chunk', chunk, MAX_CHUNK);
}

function checkSize(what: string, value: number, max: number): void {
  if (isWholeNumber(value, 1, max)) return;
  throw invalidValue('INVALID_ARGUMENT', `the ${what}`, wholeNumberRange(1, max), value);
}
