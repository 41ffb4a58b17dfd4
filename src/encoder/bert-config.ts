import { Fields, quoteValue } from '../validation/index.js';
import {
  activationOf,
  bertArchitecture,
  type EncoderConfig,
  hiddenSizeAndHeads,
  LARGEST,
  MOST_LAYERS,
  refuseDecoder,
  type TensorNames,
  unsupported,
} from './encoder-config.js';

/** Of transformers, for BERT; the others have the same but for those they name. */
const DEFAULTS: Record<string, unknown> = {
  hidden_act: 'gelu',
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  pad_token_id: 0,
  position_embedding_type: 'absolute',
  type_vocab_size: 2,
};

/**
 * Reads the `config.json` of a BERT. Fields that old files leave out have defaults.
 * @param source the file, for error messages
 * @throws DndError UNSUPPORTED_ENCODER for another activation or kind of positions, or a decoder; CORRUPT_FILE for a
 * wrong field
 */
export function parseBertConfig(json: unknown, source: string): EncoderConfig {
  return fromFields(Fields.withDefaults(json, source, DEFAULTS));
}

function fromFields(fields: Fields): EncoderConfig {
  const { position_embedding_type: positions, model_type: modelType } = fields.all;
  if (positions !== 'absolute') {
    throw unsupported(
      fields.source,
      `position_embedding_type ${quoteValue(positions)} is not supported, only "absolute"`,
    );
  }
  refuseDecoder(fields);
  const [hiddenSize, heads] = hiddenSizeAndHeads(fields, 'hidden_size', 'num_attention_heads');
  return {
    modelType: String(modelType),
    vocabSize: fields.wholeNumber('vocab_size', 1, LARGEST),
    hiddenSize,
    layers: fields.wholeNumber('num_hidden_layers', 1, MOST_LAYERS),
    heads,
    intermediateSize: fields.wholeNumber('intermediate_size', 1, LARGEST),
    maxPositions: fields.wholeNumber('max_position_embeddings', 1, LARGEST),
    typeVocabSize: fields.wholeNumber('type_vocab_size', 1, LARGEST),
    layerNormEps: fields.positiveNumber('layer_norm_eps'),
    activation: activationOf(fields.all.hidden_act, 'hidden_act', fields.source),
    padTokenId: fields.wholeNumber('pad_token_id', 0, LARGEST),
  };
}

/** RoBERTa, XLM-RoBERTa and CamemBERT: a BERT whose positions are counted from the padding id on. Errors: as BERT's. */
export function parseRobertaConfig(json: unknown, source: string): EncoderConfig {
  const config = fromFields(Fields.withDefaults(json, source, { ...DEFAULTS, pad_token_id: 1 }));
  return countedPositions(config, config.padTokenId, source);
}

/** MPNet: RoBERTa's positions, no token types, and relative biases of attention. Errors: as BERT's. */
export function parseMpnetConfig(json: unknown, source: string): EncoderConfig {
  const defaults = { ...DEFAULTS, pad_token_id: 1, relative_attention_num_buckets: RELATIVE_BUCKETS };
  const fields = Fields.withDefaults(json, source, defaults);
  const buckets = fields.wholeNumber('relative_attention_num_buckets', 1, LARGEST);
  if (buckets !== RELATIVE_BUCKETS) {
    throw unsupported(source, `relative_attention_num_buckets ${buckets} is not supported, only ${RELATIVE_BUCKETS}`);
  }
  const config = countedPositions(fromFields(fields), MPNET_PADDING, source);
  const relative = { relativeBuckets: RELATIVE_BUCKETS, relativeMaxDistance: RELATIVE_MAX_DISTANCE };
  return {
    ...config,
    typeVocabSize: 0,
    architecture: { ...config.architecture!, ...relative },
    tensors: MPNET_TENSORS,
  };
}

/** Constants in transformers' MPNet, whatever the config says. */
const RELATIVE_BUCKETS = 32;
const RELATIVE_MAX_DISTANCE = 128;
const MPNET_PADDING = 1;

const MPNET_TENSORS: TensorNames = {
  layer: 'encoder.layer.',
  inLayer: {
    'attention.self.query': 'attention.attn.q',
    'attention.self.key': 'attention.attn.k',
    'attention.self.value': 'attention.attn.v',
    'attention.output.dense': 'attention.attn.o',
    'attention.output.LayerNorm': 'attention.LayerNorm',
  },
  outside: {},
};

/** The first padding id + 1 rows of the position table are not for tokens. */
function countedPositions(config: EncoderConfig, paddingId: number, source: string): EncoderConfig {
  const maxPositions = config.maxPositions - paddingId - 1;
  if (maxPositions < 1) {
    throw unsupported(
      source,
      `max_position_embeddings ${config.maxPositions} leaves no position after the padding id ${paddingId}`,
    );
  }
  return { ...config, maxPositions, architecture: { ...bertArchitecture(config), paddingId } };
}

/** Of transformers' DistilBertConfig. */
const DISTILBERT_DEFAULTS = { activation: 'gelu', max_position_embeddings: 512, pad_token_id: 0 };

/** DistilBERT: a BERT without token types and with other names. Errors: as BERT's. */
export function parseDistilbertConfig(json: unknown, source: string): EncoderConfig {
  const fields = Fields.withDefaults(json, source, DISTILBERT_DEFAULTS);
  refuseDecoder(fields);
  const [hiddenSize, heads] = hiddenSizeAndHeads(fields, 'dim', 'n_heads');
  return {
    modelType: 'distilbert',
    vocabSize: fields.wholeNumber('vocab_size', 1, LARGEST),
    hiddenSize,
    layers: fields.wholeNumber('n_layers', 1, MOST_LAYERS),
    heads,
    intermediateSize: fields.wholeNumber('hidden_dim', 1, LARGEST),
    maxPositions: fields.wholeNumber('max_position_embeddings', 1, LARGEST),
    typeVocabSize: 0,
    layerNormEps: 1e-12,
    activation: activationOf(fields.all.activation, 'activation', source),
    padTokenId: fields.wholeNumber('pad_token_id', 0, LARGEST),
    architecture: bertArchitecture({ hiddenSize, heads }),
    tensors: DISTILBERT_TENSORS,
  };
}

const DISTILBERT_TENSORS: TensorNames = {
  layer: 'transformer.layer.',
  inLayer: {
    'attention.self.query': 'attention.q_lin',
    'attention.self.key': 'attention.k_lin',
    'attention.self.value': 'attention.v_lin',
    'attention.output.dense': 'attention.out_lin',
    'attention.output.LayerNorm': 'sa_layer_norm',
    'intermediate.dense': 'ffn.lin1',
    'output.dense': 'ffn.lin2',
    'output.LayerNorm': 'output_layer_norm',
  },
  outside: {},
};
