import type { BaseModel, ModuleName, Normalisation } from '../adapter/index.js';
import type { EncoderIdentity, Padding, Pooling } from '../encoder/index.js';
import type { DecoderShape } from './decoder-shape.js';

/**
 * The newest: of decoders that end in coefficients of a basis. Without one, 4 is written for conditions of principal
 * components, 3 for text encoders other than 'bert' and 'hash', 2 for the normalisation 'residual' and else 1, which older
 * versions read.
 */
export const FORMAT_VERSION = 5;

/** The contents of `generator.json`; docs/generator-folder.md describes each field. */
export interface GeneratorManifest {
  formatVersion: 1 | 2 | 3 | 4 | typeof FORMAT_VERSION;
  /** Package and version that wrote it. */
  createdBy: string;
  /** The published configuration it was created from. */
  preset: string | null;
  base: BaseModel;
  encoder: EncoderIdentity;
  condition: ConditionSettings;
  decoder: DecoderShape;
  adapter: AdapterSettings;
  training: TrainingProvenance;
}

/** How prompts become a condition. */
export interface ConditionSettings {
  maxLength: number;
  padding: Padding;
  pooling: Pooling;
  /** Number of whitened principal components of each hidden state. Missing: the hidden states as they are. */
  components?: number;
  /** Of mean and components in `condition-projection.safetensors`, once there are any; only with `components`. */
  componentsSha256?: string;
}

/** Origin of the decoder's parameters. */
export interface TrainingProvenance {
  trained: boolean;
  /** Random seed of the initial parameters and of training. */
  seed: number;
  /** Optimiser steps. This and the following fields: only in generators written by `dnd train`. */
  steps?: number;
  /** The part of an item used as condition in training: the generator works best with prompts of that form. */
  form?: string;
  tasks?: string[];
  heldOutTasks?: string[];
  /** Identity of the prompt–checkpoint pairs. */
  pairsDigest?: string;
}

export interface AdapterSettings {
  rank: number;
  alpha: number;
  /** Scale by alpha/√rank instead of alpha/rank. */
  useRslora: boolean;
  modules: ModuleName[];
  /** Columns per weight token. */
  chunk: number;
  /** Module path of the base model's layers. */
  layersPath: string;
  /** Missing: 'chunk'. */
  normalisation?: Normalisation;
  /** Of the mean adapter and scales in `normalisation.safetensors`; only with the normalisation 'residual'. */
  normalisationSha256?: string;
  /**
   * Number of directions of the basis whose coefficients the decoder ends in; only with the normalisation 'residual'.
   * Missing: it ends in the weight tokens themselves.
   */
  basis?: number;
  /** Of the directions in `basis.safetensors`, once there are any; only with `basis`. */
  basisSha256?: string;
}
