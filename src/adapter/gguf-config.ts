import { DndError } from '../errors.js';
import { metadataCount } from '../formats/gguf/index.js';
import { errorMessage, quote, quoteValue } from '../validation/index.js';
import { type ArchitectureFields, baseFields, baseSizes, type GgufHeader, unsupported } from './gguf-base.js';
import { modelTypeOf } from './gguf-model-types.js';

/**
 * Every key that may follow the architecture's name: what is not known may change what the model computes. Those with a
 * value are only accepted with it.
 */
const KNOWN_KEYS: Readonly<Record<string, number | boolean | undefined>> = {
  block_count: undefined,
  context_length: undefined,
  embedding_length: undefined,
  feed_forward_length: undefined,
  vocab_size: undefined,
  'attention.head_count': undefined,
  'attention.head_count_kv': undefined,
  'attention.key_length': undefined,
  'attention.value_length': undefined,
  'attention.layer_norm_rms_epsilon': undefined,
  'attention.causal': true,
  'rope.dimension_count': undefined,
  'rope.freq_base': undefined,
  'rope.scale_linear': undefined,
  'rope.scaling.type': undefined,
  'rope.scaling.factor': undefined,
  'rope.scaling.original_context_length': undefined,
  'rope.scaling.finetuned': undefined,
  expert_count: 0,
  expert_used_count: 0,
  use_parallel_residual: false,
  // A remark of the oldest converters on where the weights came from.
  tensor_data_layout: undefined,
};

const DEFAULT_THETA = 10_000;

/**
 * What the base model's `config.json` says, out of the metadata of its GGUF file. Source of the keys and their defaults:
 * llama.cpp's `llama_model::load_hparams`, and gguf-py's constants.
 * @throws DndError UNSUPPORTED_BASE for another architecture, for a part that is not supported, named, or for a file that
 * is no whole base model; CORRUPT_FILE for metadata that is missing or wrong; SHAPE_MISMATCH
 */
export function configFromGguf(file: GgufHeader): Record<string, unknown> {
  const { path, tensors } = file;
  const fields = baseFields(file);
  const modelType = modelTypeOf(fields.architecture, path);
  refuseOtherKeys(file, fields);
  const { name, hidden, heads, kvHeads, headDim, layers } = baseSizes(file, fields);
  for (const key of ['attention.value_length', 'rope.dimension_count']) {
    const other = fields.optionalSize(key);
    if (other !== undefined && other !== headDim)
      throw unsupported(path, `${fields.name(key)} ${other} differs from the head dimension ${headDim}`);
  }
  const has = (name: string) => tensors.has(name);
  return {
    model_type: modelType,
    ...(name === null ? {} : { _name_or_path: name }),
    hidden_size: hidden,
    intermediate_size: fields.size('feed_forward_length'),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    head_dim: headDim,
    max_position_embeddings: fields.size('context_length'),
    rms_norm_eps: fields.positive('attention.layer_norm_rms_epsilon'),
    rope_parameters: rotary(fields),
    ...vocabularySize(file, fields),
    tie_word_embeddings: !has('output.weight'),
    attention_bias: has('blk.0.attn_q.bias'),
    mlp_bias: has('blk.0.ffn_gate.bias'),
    bos_token_id: metadataCount(file.metadata, 'tokenizer.ggml.bos_token_id', path) ?? null,
    eos_token_id: endIds(file),
  };
}

function refuseOtherKeys({ path, metadata }: GgufHeader, fields: ArchitectureFields): void {
  const prefix = fields.name('');
  for (const [name, { type, value }] of metadata) {
    if (!name.startsWith(prefix)) continue;
    const key = name.slice(prefix.length);
    const only = Object.hasOwn(KNOWN_KEYS, key) ? KNOWN_KEYS[key] : null;
    if (only === undefined || (only !== null && (type === 'bool' ? value : Number(value)) === only)) continue;
    throw unsupported(
      path,
      only === null
        ? `${quote(name)} is not known, and may change what the model computes`
        : `${name} ${quoteValue(typeof value === 'bigint' ? Number(value) : value)} is not supported; expected ${only}`,
    );
  }
}

/** As transformers 5 writes it. A factor without a type is that of linear scaling. */
function rotary(fields: ArchitectureFields): Record<string, unknown> {
  const theta = fields.optionalPositive('rope.freq_base') ?? DEFAULT_THETA;
  const factor = fields.optionalPositive('rope.scaling.factor') ?? fields.optionalPositive('rope.scale_linear');
  const type = fields.text('rope.scaling.type') ?? 'linear';
  if (type === 'none' || (type === 'linear' && (factor ?? 1) === 1)) return { rope_type: 'default', rope_theta: theta };
  return { rope_type: type, rope_theta: theta, factor };
}

/** By the embeddings, or where a file has none by its metadata. */
function vocabularySize({ path, tensors }: GgufHeader, fields: ArchitectureFields): { vocab_size?: number } {
  const stated = fields.optionalSize('vocab_size');
  const rows = tensors.get('token_embd.weight')?.shape[1];
  if (rows === undefined) return stated === undefined ? {} : { vocab_size: stated };
  if (stated === undefined || stated === rows) return { vocab_size: rows };
  throw new DndError(
    'SHAPE_MISMATCH',
    errorMessage({
      what: `${path}: token_embd.weight`,
      problem: 'has the wrong number of rows',
      expected: `${stated}, which is ${fields.name('vocab_size')}`,
      got: rows,
    }),
  );
}

/** Of the ends of a text, of a turn, and of a message to a tool. */
function endIds({ path, metadata }: GgufHeader): number[] {
  const ids = ['eos', 'eot', 'eom'].map((end) => metadataCount(metadata, `tokenizer.ggml.${end}_token_id`, path));
  return [...new Set(ids.filter((id) => id !== undefined))];
}
