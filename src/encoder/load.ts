import type { LongOperation } from '../async/index.js';
import type { EngineOptions } from '../engine/index.js';
import { DndError } from '../errors.js';
import { CAUSAL_MODEL_TYPES, CausalTextEncoder } from './causal-text-encoder.js';
import { HashEncoder } from './hash-encoder.js';
import { modelTypeOf } from './model-folder.js';
import { ModelTextEncoder } from './model-text-encoder.js';
import type { TextEncoder } from './text-encoder.js';
import { findWordVectors, WordVectorsEncoder } from './word-vectors-encoder.js';

export interface LoadTextEncoderOptions extends EngineOptions, LongOperation {
  /** Channels of the hash encoder, default 384; a model in a folder has its own. */
  channels?: number | undefined;
  /** Of a decoder-only model: the layer after which hidden states are taken, 1 … layers. Default: the last. */
  layer?: number | undefined;
}

/**
 * The text encoder that `source` names: 'hash' for the built-in one, else the folder of a model of one of MODEL_TYPES or
 * CAUSAL_MODEL_TYPES (`config.json`, `model.safetensors`, `tokenizer.json`), or a table of word vectors. A folder called
 * hash is `./hash`.
 * @throws DndError FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED_ENCODER, INVALID_WEIGHTS, SHAPE_MISMATCH, OUT_OF_MEMORY,
 * INVALID_ARGUMENT; `signal.reason`
 */
export async function loadTextEncoder(source: string, options: LoadTextEncoderOptions = {}): Promise<TextEncoder> {
  const { layer, ...others } = options;
  const wordVectors = source === 'hash' ? undefined : await findWordVectors(source);
  if (wordVectors !== undefined && layer === undefined) return WordVectorsEncoder.load(wordVectors, options);
  if (wordVectors === undefined && (await isCausalFolder(source))) return CausalTextEncoder.load(source, options);
  if (layer !== undefined) {
    throw new DndError(
      'INVALID_ARGUMENT',
      `the layer of the text encoder ${source}: only decoder-only models (${CAUSAL_MODEL_TYPES.join(', ')}) have one. Leave it out`,
    );
  }
  return source === 'hash' ? new HashEncoder(options.channels) : ModelTextEncoder.load(source, others);
}

/** Whether `source`, as of `loadTextEncoder`, is a decoder-only model. Errors: as `findTokeniser`. */
export async function isCausalFolder(source: string): Promise<boolean> {
  return source !== 'hash' && (await findWordVectors(source)) === undefined && isCausal(await modelTypeOf(source));
}

/** Whether a `model_type` is that of a decoder-only model. */
export function isCausal(modelType: unknown): boolean {
  return CAUSAL_MODEL_TYPES.some((type) => type === modelType);
}
