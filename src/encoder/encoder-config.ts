import type { EncoderArchitecture, EncoderSizes } from '../engine/index.js';
import { DndError } from '../errors.js';
import { type Fields, quoteValue } from '../validation/index.js';

/** A text encoder as its `config.json` describes it: its sizes for the engine, and what else depends on its type. */
export interface EncoderConfig extends EncoderSizes {
  /** `model_type` */
  modelType: string;
  /** The padding id if the tokeniser names none. */
  padTokenId: number;
  /** How it differs from BERT. */
  architecture?: EncoderArchitecture;
  /** Where its weights are; without it, where the engine's names say. */
  tensors?: TensorNames;
}

/**
 * The names of a model's tensors in place of the engine's, which are those of BERT, for paths without `.weight` and
 * `.bias`.
 */
export interface TensorNames {
  /** Begins the path of a layer before its number; BERT's is `encoder.layer.`. */
  layer: string;
  /** Paths in a layer; others keep the engine's. */
  inLayer: Readonly<Record<string, TensorPath>>;
  /** Paths outside of the layers. */
  outside: Readonly<Record<string, TensorPath>>;
  /** The engine's path of the word embeddings, if not BERT's: where the model is in the file is found by them. */
  wordEmbeddings?: string;
}

/** A path, or several that are tried in their order, or one of equal parts of a tensor that are stacked: [path, part, parts]. */
export type TensorPath = string | readonly string[] | { stacked: string; part: number; parts: number };

/** Far above any real model, and small enough that products of sizes stay exact. */
export const LARGEST = 2 ** 24;
export const MOST_LAYERS = 1024;

/** BERT's, to be changed where a model differs. */
export function bertArchitecture({
  hiddenSize,
  heads,
}: Pick<EncoderSizes, 'hiddenSize' | 'heads'>): EncoderArchitecture {
  return {
    headWidth: hiddenSize / heads,
    learnedPositions: true,
    paddingId: -1,
    relativeBuckets: 0,
    relativeMaxDistance: 0,
    relativeBiasPerLayer: false,
    rotaryThetas: [],
    windows: [],
    embeddingNorm: true,
    preNorm: false,
    rmsNorm: false,
    firstAttentionNorm: true,
    normBias: true,
    attentionBias: true,
    feedForwardBias: true,
    gated: false,
    scaledAttention: true,
  };
}

/** Names of activations in transformers → what the engine computes; gelu_new, gelu_pytorch_tanh and gelu_fast are one formula. */
const ACTIVATIONS = {
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  relu: 'relu',
} as const satisfies Record<string, EncoderSizes['activation']>;

/** @throws DndError UNSUPPORTED_ENCODER */
export function activationOf(name: unknown, field: string, source: string): EncoderSizes['activation'] {
  if (typeof name === 'string' && Object.hasOwn(ACTIVATIONS, name))
    return ACTIVATIONS[name as keyof typeof ACTIVATIONS];
  const known = Object.keys(ACTIVATIONS).join(', ');
  throw unsupported(source, `${field} ${quoteValue(name)} is not supported; expected one of ${known}`);
}

/** The hidden size and the number of heads, by their names. @throws DndError CORRUPT_FILE */
export function hiddenSizeAndHeads(fields: Fields, sizeName: string, headsName: string): [size: number, heads: number] {
  const hiddenSize = fields.wholeNumber(sizeName, 1, LARGEST);
  const heads = fields.wholeNumber(headsName, 1, LARGEST);
  if (hiddenSize % heads === 0) return [hiddenSize, heads];
  throw new DndError(
    'CORRUPT_FILE',
    `${fields.source}: ${sizeName} ${hiddenSize} is not a multiple of ${headsName} ${heads}`,
  );
}

/** @throws DndError UNSUPPORTED_ENCODER */
export function refuseDecoder({ all, source }: Fields): void {
  if (all.is_decoder !== true) return;
  throw unsupported(source, 'is_decoder is true (causal attention); expected an encoder');
}

export function unsupported(source: string, what: string): DndError {
  return new DndError('UNSUPPORTED_ENCODER', `${source}: ${what}`);
}
