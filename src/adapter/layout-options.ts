import type { BaseModel } from './base-model.js';
import type { Widths } from './modules.js';

/** What a layout is made of. */
export interface LayoutOptions {
  base: BaseModel;
  rank: number;
  /** All seven unless told; the order does not matter. */
  modules?: readonly string[] | undefined;
  /** Columns of a matrix in one weight token; the default rule's choice unless told. */
  chunk?: number | undefined;
  /** Where the base model keeps its layers: `model.layers` unless told, for Qwen2.5-VL `model.language_model.layers`. */
  layersPath?: string | undefined;
}

/** What a layout is made of when no base model is at hand: see `AdapterLayout.fromTensors`. */
export interface LayoutFields {
  base: BaseModel | null;
  /** Of the modules in use. */
  widths: Partial<Widths>;
  layers: readonly number[];
  layersPath: string;
  rank: number;
  modules: readonly string[];
  chunk?: number | undefined;
}
