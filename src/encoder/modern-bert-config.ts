import { Fields, quoteValue } from '../validation/index.js';
import {
  activationOf,
  bertArchitecture,
  type EncoderConfig,
  hiddenSizeAndHeads,
  LARGEST,
  MOST_LAYERS,
  type TensorNames,
  unsupported,
} from './encoder-config.js';

/** Of transformers' ModernBertConfig. */
const DEFAULTS = {
  attention_bias: false,
  global_attn_every_n_layers: 3,
  global_rope_theta: 160_000,
  hidden_activation: 'gelu',
  local_attention: 128,
  local_rope_theta: 10_000,
  max_position_embeddings: 8192,
  mlp_bias: false,
  norm_bias: false,
  norm_eps: 1e-5,
  pad_token_id: 50_283,
};

const LAYER_TYPES = ['full_attention', 'sliding_attention'] as const;
type LayerType = (typeof LAYER_TYPES)[number];

/**
 * Reads the `config.json` of a ModernBERT, as transformers 4 or 5 wrote it.
 * @throws DndError UNSUPPORTED_ENCODER for another activation, kind of layer or of positions; CORRUPT_FILE for a wrong
 * field
 */
export function parseModernBertConfig(json: unknown, source: string): EncoderConfig {
  const fields = Fields.withDefaults(json, source, DEFAULTS);
  const [hiddenSize, heads] = hiddenSizeAndHeads(fields, 'hidden_size', 'num_attention_heads');
  const layers = fields.wholeNumber('num_hidden_layers', 1, MOST_LAYERS);
  const types = layerTypes(fields, layers);
  const window = Math.floor(fields.wholeNumber('local_attention', 2, LARGEST) / 2);
  const thetas = {
    full_attention: theta(fields, 'full_attention', 'global_rope_theta'),
    sliding_attention: theta(fields, 'sliding_attention', 'local_rope_theta'),
  };
  return {
    modelType: 'modernbert',
    vocabSize: fields.wholeNumber('vocab_size', 1, LARGEST),
    hiddenSize,
    layers,
    heads,
    intermediateSize: fields.wholeNumber('intermediate_size', 1, LARGEST),
    maxPositions: fields.wholeNumber('max_position_embeddings', 1, LARGEST),
    typeVocabSize: 0,
    layerNormEps: fields.positiveNumber('norm_eps'),
    activation: activationOf(fields.all.hidden_activation, 'hidden_activation', source),
    padTokenId: fields.wholeNumber('pad_token_id', 0, LARGEST),
    architecture: {
      ...bertArchitecture({ hiddenSize, heads }),
      learnedPositions: false,
      rotaryThetas: types.map((type) => thetas[type]),
      windows: types.map((type) => (type === 'sliding_attention' ? window : 0)),
      preNorm: true,
      firstAttentionNorm: false,
      normBias: fields.boolean('norm_bias'),
      attentionBias: fields.boolean('attention_bias'),
      feedForwardBias: fields.boolean('mlp_bias'),
      gated: true,
    },
    tensors: TENSORS,
  };
}

function layerTypes(fields: Fields, layers: number): LayerType[] {
  if (fields.all.layer_types == null) {
    const every = fields.wholeNumber('global_attn_every_n_layers', 1, LARGEST);
    return Array.from({ length: layers }, (_, layer) => LAYER_TYPES[layer % every === 0 ? 0 : 1]);
  }
  const types = fields.texts('layer_types');
  const other = types.find((type) => !LAYER_TYPES.some((known) => known === type));
  if (other !== undefined)
    throw unsupported(
      fields.source,
      `layers of type ${quoteValue(other)} are not supported, only ${LAYER_TYPES.join(' and ')}`,
    );
  if (types.length !== layers) throw fields.invalid('layer_types', `one type for each of ${layers} layers`);
  return types as LayerType[];
}

/** The base of the rotary positions: in `rope_parameters` (transformers 5), else in a field of its own. */
function theta(fields: Fields, type: LayerType, field: string): number {
  if (fields.all.rope_scaling != null) throw unsupported(fields.source, 'rope_scaling is not supported');
  const stored = ropeParameters(fields)[type];
  if (stored == null) return fields.positiveNumber(field);
  const own = new Fields(stored, fields.source, `rope_parameters.${type}`);
  const kind = own.all.rope_type ?? 'default';
  if (kind !== 'default') {
    throw unsupported(
      fields.source,
      `rope_parameters: positions of type ${quoteValue(kind)} are not supported, only "default"`,
    );
  }
  return own.all.rope_theta === undefined ? fields.positiveNumber(field) : own.positiveNumber('rope_theta');
}

/** By type of layer. Others would say something of every layer, and count for nothing. */
function ropeParameters(fields: Fields): Readonly<Record<string, unknown>> {
  if (fields.all.rope_parameters == null) return {};
  const { all } = fields.section('rope_parameters');
  const other = Object.keys(all).find((key) => !LAYER_TYPES.some((type) => type === key));
  if (other === undefined) return all;
  throw unsupported(
    fields.source,
    `rope_parameters.${other} is not supported, only those of each type of layer: ${LAYER_TYPES.join(' and ')}`,
  );
}

const stacked = (path: string, part: number, parts: number) => ({ stacked: path, part, parts });

const TENSORS: TensorNames = {
  layer: 'layers.',
  inLayer: {
    'attention.self.query': stacked('attn.Wqkv', 0, 3),
    'attention.self.key': stacked('attn.Wqkv', 1, 3),
    'attention.self.value': stacked('attn.Wqkv', 2, 3),
    'attention.output.dense': 'attn.Wo',
    'attention.output.LayerNorm': 'attn_norm',
    'intermediate.dense': stacked('mlp.Wi', 0, 2),
    'intermediate.gate': stacked('mlp.Wi', 1, 2),
    'output.dense': 'mlp.Wo',
    'output.LayerNorm': 'mlp_norm',
  },
  outside: {
    'embeddings.word_embeddings': 'embeddings.tok_embeddings',
    'embeddings.LayerNorm': 'embeddings.norm',
    'encoder.LayerNorm': 'final_norm',
  },
};
