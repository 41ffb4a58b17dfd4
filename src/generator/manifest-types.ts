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
  /** Version of the format of the folder. */
  formatVersion: 1 | 2 | 3 | 4 | typeof FORMAT_VERSION;
  /** Package and version that wrote it. */
  createdBy: string;
  /** The published configuration it was created from. */
  preset: string | null;
  /** The base model that the adapters are for. */
  base: BaseModel;
  /** The text encoder that makes conditions. */
  encoder: EncoderIdentity;
  /** How prompts become a condition. */
  condition: ConditionSettings;
  /** The shape of the decoder. */
  decoder: DecoderShape;
  /** The adapters that it generates. */
  adapter: AdapterSettings;
  /** Where the decoder's parameters come from. */
  training: TrainingProvenance;
}

/** How prompts become a condition. */
export interface ConditionSettings {
  /** Most tokens of a prompt; what is longer is cut off. */
  maxLength: number;
  /** Hidden states of padding positions. */
  padding: Padding;
  /** Hidden states per prompt. */
  pooling: Pooling;
  /** Number of whitened principal components of each hidden state. Missing: the hidden states as they are. */
  components?: number;
  /**
   * SHA-256 of mean and components in `condition-projection.safetensors`, once there are any; only with `components`.
   */
  componentsSha256?: string;
}

/** Origin of the decoder's parameters. */
export interface TrainingProvenance {
  /** False if the parameters are the random ones of `Generator.create`. */
  trained: boolean;
  /** Random seed of the initial parameters and of training. */
  seed: number;
  /** Optimiser steps. This and the following fields: only in generators written by `dnd train`. */
  steps?: number;
  /** The part of an item used as condition in training: the generator works best with prompts of that form. */
  form?: string;
  /** Names of the tasks that it was trained on. */
  tasks?: string[];
  /** Names of the tasks that were held out. */
  heldOutTasks?: string[];
  /** Identity of the prompt–checkpoint pairs. */
  pairsDigest?: string;
}

/** The adapters of a generator. */
export interface AdapterSettings {
  /** LoRA rank. */
  rank: number;
  /** LoRA alpha. */
  alpha: number;
  /** Scale by alpha/√rank instead of alpha/rank. */
  useRslora: boolean;
  /** Names of the adapted modules. */
  modules: ModuleName[];
  /** Columns per weight token. */
  chunk: number;
  /** Module path of the base model's layers. */
  layersPath: string;
  /** How weights become weight tokens. Missing: 'chunk'. */
  normalisation?: Normalisation;
  /** SHA-256 of mean adapter and scales in `normalisation.safetensors`; only with the normalisation 'residual'. */
  normalisationSha256?: string;
  /**
   * Number of directions of the basis whose coefficients the decoder ends in; only with the normalisation 'residual'.
   * Missing: it ends in the weight tokens themselves.
   */
  basis?: number;
  /** SHA-256 of the directions in `basis.safetensors`, once there are any; only with `basis`. */
  basisSha256?: string;
}
