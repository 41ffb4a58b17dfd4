import type { EncoderSizes } from '../engine/index.js';
import { DndError } from '../errors.js';
import { quoteValue } from '../validation/quote.js';

/** What the engine needs to know of a BERT, and the id that pads when the tokeniser names none. */
export interface BertConfig extends EncoderSizes {
  padTokenId: number;
}

/** `hidden_act` of transformers → what the engine computes; gelu_new, gelu_pytorch_tanh and gelu_fast are one formula. */
const ACTIVATIONS = {
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  relu: 'relu',
} as const satisfies Record<string, EncoderSizes['activation']>;

const MODELS = 'all-MiniLM-L6-v2, bge-small-en-v1.5 and e5-small-v2 are such models';
/** Far beyond every real model, and small enough that sizes can be multiplied without loss. */
const LARGEST = 2 ** 24;
const MOST_LAYERS = 1024;

/**
 * Reads the `config.json` of a BERT. Fields that old files leave out have the defaults of transformers' BertConfig.
 * @param source the file, for error messages
 * @throws DndError UNSUPPORTED_ENCODER for another model, activation or kind of positions; CORRUPT_FILE for a wrong field
 */
export function parseBertConfig(json: unknown, source: string): BertConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new DndError('CORRUPT_FILE', `${source} must hold a JSON object that describes the model`);
  }
  const config = json as Record<string, unknown>;
  refuseOtherModels(config, source);
  const size = (name: string, smallest: number, otherwise?: number, largest = LARGEST) =>
    wholeNumber(config[name] ?? otherwise, name, smallest, largest, source);
  const hiddenSize = size('hidden_size', 1);
  const heads = size('num_attention_heads', 1);
  if (hiddenSize % heads !== 0) {
    throw new DndError(
      'CORRUPT_FILE',
      `${source}: hidden_size ${hiddenSize} is not a multiple of num_attention_heads ${heads}`,
    );
  }
  return {
    vocabSize: size('vocab_size', 1),
    hiddenSize,
    layers: size('num_hidden_layers', 1, undefined, MOST_LAYERS),
    heads,
    intermediateSize: size('intermediate_size', 1),
    maxPositions: size('max_position_embeddings', 1, 512),
    typeVocabSize: size('type_vocab_size', 1, 2),
    layerNormEps: positiveNumber(config.layer_norm_eps ?? 1e-12, 'layer_norm_eps', source),
    activation: activation(config.hidden_act ?? 'gelu', source),
    padTokenId: size('pad_token_id', 0, 0),
  };
}

function refuseOtherModels(config: Record<string, unknown>, source: string): void {
  const { model_type: modelType, position_embedding_type: positions = 'absolute', is_decoder: decoder } = config;
  if (modelType !== 'bert') {
    const found = modelType === undefined ? 'names no model_type' : `is of model_type ${quoteValue(modelType)}`;
    throw new DndError('UNSUPPORTED_ENCODER', `${source} ${found}; text encoders must be of type "bert": ${MODELS}`);
  }
  if ((positions ?? 'absolute') !== 'absolute') {
    throw new DndError(
      'UNSUPPORTED_ENCODER',
      `${source}: position_embedding_type ${quoteValue(positions)} is not supported, only "absolute": ${MODELS}`,
    );
  }
  if (decoder === true) {
    throw new DndError(
      'UNSUPPORTED_ENCODER',
      `${source}: is_decoder is true, so tokens would not see those after them; an encoder is wanted: ${MODELS}`,
    );
  }
}

function activation(name: unknown, source: string): EncoderSizes['activation'] {
  if (typeof name === 'string' && Object.hasOwn(ACTIVATIONS, name))
    return ACTIVATIONS[name as keyof typeof ACTIVATIONS];
  const known = Object.keys(ACTIVATIONS).join(', ');
  throw new DndError('UNSUPPORTED_ENCODER', `${source}: hidden_act ${quoteValue(name)} is none of ${known}`);
}

function wholeNumber(value: unknown, name: string, smallest: number, largest: number, source: string): number {
  const number = value as number;
  if (Number.isInteger(value) && number >= smallest && number <= largest) return number;
  const found = value === undefined ? 'it is missing' : `it is ${quoteValue(value)}`;
  throw new DndError(
    'CORRUPT_FILE',
    `${source}: ${name} must be a whole number from ${smallest} to ${largest}; ${found}`,
  );
}

function positiveNumber(value: unknown, name: string, source: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw new DndError('CORRUPT_FILE', `${source}: ${name} must be a number above 0; it is ${quoteValue(value)}`);
}
