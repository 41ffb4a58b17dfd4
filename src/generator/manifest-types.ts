import type { BaseModel, ModuleName } from '../adapter/index.js';
import type { EncoderIdentity, Padding, Pooling } from '../encoder/index.js';
import type { DecoderShape } from './decoder-shape.js';

export const FORMAT_VERSION = 1;

/** The contents of `generator.json`; docs/generator-folder.md describes each field. */
export interface GeneratorManifest {
  formatVersion: typeof FORMAT_VERSION;
  /** Package and version that wrote it. */
  createdBy: string;
  /** The published configuration that it was made from. */
  preset: string | null;
  base: BaseModel;
  encoder: EncoderIdentity;
  condition: { maxLength: number; padding: Padding; pooling: Pooling };
  decoder: DecoderShape;
  adapter: AdapterSettings;
  training: TrainingProvenance;
}

/** Where the decoder's parameters come from. */
export interface TrainingProvenance {
  trained: boolean;
  /** Of the initial parameters, and of all that is random in training. */
  seed: number;
  /** Updates of the parameters. This and what follows: of generators that `dnd train` wrote. */
  steps?: number;
  /** What of an item was the condition in training: prompts of that form suit the generator best. */
  form?: string;
  tasks?: string[];
  heldOutTasks?: string[];
  /** Which prompt–checkpoint pairs. */
  pairsDigest?: string;
}

export interface AdapterSettings {
  rank: number;
  alpha: number;
  /** Scale by alpha/√rank instead of alpha/rank. */
  useRslora: boolean;
  modules: ModuleName[];
  /** Columns of a weight token. */
  chunk: number;
  /** Where the base model keeps its layers. */
  layersPath: string;
}
