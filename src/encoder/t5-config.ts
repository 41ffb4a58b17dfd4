import { Fields, quoteValue } from '../validation/index.js';
import {
  activationOf,
  bertArchitecture,
  type EncoderConfig,
  LARGEST,
  MOST_LAYERS,
  type TensorNames,
  unsupported,
} from './encoder-config.js';

/** Of transformers' T5Config; UMT5 differs in its feed-forward. */
const DEFAULTS = {
  d_kv: 64,
  feed_forward_proj: 'relu',
  layer_norm_epsilon: 1e-6,
  pad_token_id: 0,
  relative_attention_max_distance: 128,
  relative_attention_num_buckets: 32,
};

/** T5 knows distances, not positions: any length is possible, at a cost that grows with its square. */
const MAX_POSITIONS = 2 ** 15;

/**
 * Reads the `config.json` of a model of the T5 family (T5, mT5, UMT5), of which only the encoder is used.
 * @throws DndError UNSUPPORTED_ENCODER for another feed-forward; CORRUPT_FILE for a wrong field
 */
export function parseT5Config(json: unknown, source: string): EncoderConfig {
  const { model_type: modelType } = new Fields(json, source).all;
  const umt5 = modelType === 'umt5';
  const defaults = modelType === 't5' ? DEFAULTS : { ...DEFAULTS, feed_forward_proj: 'gated-gelu' };
  const fields = Fields.withDefaults(json, source, defaults);
  const size = (name: string, largest = LARGEST) => fields.wholeNumber(name, 1, largest);
  const hiddenSize = size('d_model');
  const heads = size('num_heads');
  const { gated, activation } = feedForward(fields);
  return {
    modelType: String(modelType),
    vocabSize: size('vocab_size'),
    hiddenSize,
    layers: size('num_layers', MOST_LAYERS),
    heads,
    intermediateSize: size('d_ff'),
    maxPositions: MAX_POSITIONS,
    typeVocabSize: 0,
    layerNormEps: fields.positiveNumber('layer_norm_epsilon'),
    activation,
    padTokenId: fields.wholeNumber('pad_token_id', 0, LARGEST),
    architecture: {
      ...bertArchitecture({ hiddenSize, heads }),
      headWidth: size('d_kv'),
      learnedPositions: false,
      relativeBuckets: fields.wholeNumber('relative_attention_num_buckets', 4, LARGEST),
      relativeMaxDistance: size('relative_attention_max_distance'),
      relativeBiasPerLayer: umt5,
      embeddingNorm: false,
      preNorm: true,
      rmsNorm: true,
      attentionBias: false,
      feedForwardBias: false,
      gated,
      scaledAttention: false,
    },
    tensors: tensorNames(gated),
  };
}

/** `relu`, `gated-gelu` (the tanh form, as T5 1.1 was trained) or another of transformers' activations. */
function feedForward({ all, source }: Fields) {
  const text = all.feed_forward_proj;
  const [, prefix, name] = /^(gated-)?([a-z_]+)$/.exec(typeof text === 'string' ? text : '') ?? [];
  if (name === undefined) throw unsupported(source, `feed_forward_proj ${quoteValue(text)} is not supported`);
  const gated = prefix !== undefined;
  const activation = activationOf(gated && name === 'gelu' ? 'gelu_new' : name, 'feed_forward_proj', source);
  return { gated, activation };
}

function tensorNames(gated: boolean): TensorNames {
  const attention = 'layer.0.SelfAttention.';
  const bias = `${attention}relative_attention_bias`;
  return {
    layer: 'encoder.block.',
    inLayer: {
      'attention.self.query': `${attention}q`,
      'attention.self.key': `${attention}k`,
      'attention.self.value': `${attention}v`,
      'attention.output.dense': `${attention}o`,
      'attention.output.LayerNorm': 'layer.0.layer_norm',
      'attention.self.relative_attention_bias': bias,
      'intermediate.dense': `layer.1.DenseReluDense.${gated ? 'wi_0' : 'wi'}`,
      'intermediate.gate': 'layer.1.DenseReluDense.wi_1',
      'output.dense': 'layer.1.DenseReluDense.wo',
      'output.LayerNorm': 'layer.1.layer_norm',
    },
    outside: {
      'embeddings.word_embeddings': ['shared', 'encoder.embed_tokens'],
      'encoder.relative_attention_bias': `encoder.block.0.${bias}`,
      'encoder.LayerNorm': 'encoder.final_layer_norm',
    },
  };
}
