import type { BaseModel } from './base-model.js';
import type { Widths } from './modules.js';
import type { Normalisation } from './normalisation.js';

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
