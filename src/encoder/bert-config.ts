import type { EncoderSizes } from '../engine/index.js';
import { DndError } from '../errors.js';
import { Fields, quoteValue } from '../validation/index.js';

/** A BERT's sizes for the engine, and the padding id if the tokeniser names none. */
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

/** Of transformers' BertConfig. */
const DEFAULTS: Record<string, unknown> = {
  hidden_act: 'gelu',
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  pad_token_id: 0,
  position_embedding_type: 'absolute',
  type_vocab_size: 2,
};

const MODELS = 'all-MiniLM-L6-v2, bge-small-en-v1.5 and e5-small-v2 are such models';
/** Far above any real model, and small enough that products of sizes stay exact. */
const LARGEST = 2 ** 24;
const MOST_LAYERS = 1024;

/**
 * Reads the `config.json` of a BERT. Fields that old files leave out have defaults.
 * @param source the file, for error messages
 * @throws DndError UNSUPPORTED_ENCODER for another model, activation or kind of positions; CORRUPT_FILE for a wrong field
 */
export function parseBertConfig(json: unknown, source: string): BertConfig {
  const fields = Fields.withDefaults(json, source, DEFAULTS);
  refuseOtherModels(fields);
  const size = (name: string, smallest = 1, largest = LARGEST) => fields.wholeNumber(name, smallest, largest);
  const hiddenSize = size('hidden_size');
  const heads = size('num_attention_heads');
  if (hiddenSize % heads !== 0) {
    throw new DndError(
      'CORRUPT_FILE',
      `${source}: hidden_size ${hiddenSize} is not a multiple of num_attention_heads ${heads}`,
    );
  }
  return {
    vocabSize: size('vocab_size'),
    hiddenSize,
    layers: size('num_hidden_layers', 1, MOST_LAYERS),
    heads,
    intermediateSize: size('intermediate_size'),
    maxPositions: size('max_position_embeddings'),
    typeVocabSize: size('type_vocab_size'),
    layerNormEps: fields.positiveNumber('layer_norm_eps'),
    activation: activation(fields),
    padTokenId: size('pad_token_id', 0),
  };
}

function refuseOtherModels({ all, source }: Fields): void {
  const { model_type: modelType, position_embedding_type: positions, is_decoder: decoder } = all;
  if (modelType !== 'bert') {
    const found = modelType === undefined ? 'names no model_type' : `is of model_type ${quoteValue(modelType)}`;
    throw new DndError('UNSUPPORTED_ENCODER', `${source} ${found}; text encoders must be of type "bert": ${MODELS}`);
  }
  if (positions !== 'absolute') {
    throw new DndError(
      'UNSUPPORTED_ENCODER',
      `${source}: position_embedding_type ${quoteValue(positions)} is not supported, only "absolute": ${MODELS}`,
    );
  }
  if (decoder === true) {
    throw new DndError(
      'UNSUPPORTED_ENCODER',
      `${source}: is_decoder is true (causal attention); expected an encoder: ${MODELS}`,
    );
  }
}

function activation({ all, source }: Fields): EncoderSizes['activation'] {
  const name = all.hidden_act;
  if (typeof name === 'string' && Object.hasOwn(ACTIVATIONS, name))
    return ACTIVATIONS[name as keyof typeof ACTIVATIONS];
  const known = Object.keys(ACTIVATIONS).join(', ');
  throw new DndError(
    'UNSUPPORTED_ENCODER',
    `${source}: hidden_act ${quoteValue(name)} is not supported; expected one of ${known}`,
  );
}
