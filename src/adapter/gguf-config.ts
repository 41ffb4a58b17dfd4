import { DndError } from '../errors.js';
import { type GgufFile, metadataCount, metadataNumber, metadataNumbers, metadataText } from '../formats/gguf/index.js';
import { errorMessage, invalidValue, isWholeNumber, quote, quoteValue } from '../validation/index.js';

/** A GGUF file, as far as its configuration depends on it. */
export type GgufHeader = Pick<GgufFile, 'path' | 'metadata' | 'tensors'>;

/** `model_type` of config.json, by llama.cpp's architecture; Mistral is `llama` there, and computes the same. */
const MODEL_TYPES: Readonly<Record<string, string>> = { llama: 'llama', qwen2: 'qwen2', qwen3: 'qwen3' };

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
  const architecture = architectureOfBase(file);
  const fields = new ArchitectureFields(file, architecture);
  fields.refuseOthers();
  const heads = fields.size('attention.head_count');
  const hidden = fields.size('embedding_length');
  const headDim = fields.optionalSize('attention.key_length') ?? headDimension(hidden, heads, fields);
  for (const key of ['attention.value_length', 'rope.dimension_count']) {
    const other = fields.optionalSize(key);
    if (other !== undefined && other !== headDim)
      throw unsupported(path, `${fields.name(key)} ${other} differs from the head dimension ${headDim}`);
  }
  const has = (name: string) => tensors.has(name);
  return {
    model_type: MODEL_TYPES[architecture],
    ...repository(file),
    hidden_size: hidden,
    intermediate_size: fields.size('feed_forward_length'),
    num_hidden_layers: fields.size('block_count'),
    num_attention_heads: heads,
    num_key_value_heads: fields.optionalSize('attention.head_count_kv') ?? heads,
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

function architectureOfBase({ path, metadata }: GgufHeader): string {
  const type = metadataText(metadata, 'general.type', path) ?? 'model';
  if (type !== 'model')
    throw unsupported(path, `it is a GGUF file of type ${quote(type)}; a base model, of type "model", is needed here`);
  const parts = metadataCount(metadata, 'split.count', path) ?? 1;
  if (parts > 1)
    throw unsupported(path, `it is one of ${parts} parts of a model. Join them, with llama-gguf-split --merge`);
  const architecture = metadataText(metadata, 'general.architecture', path);
  if (architecture === undefined)
    throw invalidValue('CORRUPT_FILE', `${path}: general.architecture`, 'a text', undefined);
  if (Object.hasOwn(MODEL_TYPES, architecture)) return architecture;
  const known = Object.keys(MODEL_TYPES).join(', ');
  throw unsupported(path, `base GGUF files of the architecture ${quote(architecture)} are not supported; ${known} are`);
}

/** The metadata of an architecture: keys with its name before them. */
class ArchitectureFields {
  readonly #file: GgufHeader;
  readonly #architecture: string;

  constructor(file: GgufHeader, architecture: string) {
    this.#file = file;
    this.#architecture = architecture;
  }

  name(key: string): string {
    return `${this.#architecture}.${key}`;
  }

  get path(): string {
    return this.#file.path;
  }

  refuseOthers(): void {
    const { metadata, path } = this.#file;
    const prefix = this.name('');
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

  /** A whole number from 1; a list with one for each layer must repeat it. */
  optionalSize(key: string): number | undefined {
    const { metadata, path } = this.#file;
    const name = this.name(key);
    const value = metadata.get(name)?.type === 'array' ? this.#same(name) : metadataCount(metadata, name, path);
    if (value === undefined || isWholeNumber(value, 1)) return value;
    throw invalidValue('CORRUPT_FILE', `${path}: ${name}`, 'a whole number from 1', value);
  }

  size(key: string): number {
    const value = this.optionalSize(key);
    if (value !== undefined) return value;
    throw this.missing(key, 'a whole number from 1');
  }

  #same(name: string): number {
    const values = Array.from(metadataNumbers(this.#file.metadata, name, this.path)!, Number);
    if (values.length > 0 && values.every((value) => value === values[0])) return values[0]!;
    throw unsupported(this.path, `${name} differs between layers, which is not supported`);
  }

  optionalPositive(key: string): number | undefined {
    const value = metadataNumber(this.#file.metadata, this.name(key), this.path);
    if (value === undefined || (value > 0 && value < Infinity)) return value;
    throw invalidValue('CORRUPT_FILE', `${this.path}: ${this.name(key)}`, 'a number above 0', value);
  }

  positive(key: string): number {
    const value = this.optionalPositive(key);
    if (value !== undefined) return value;
    throw this.missing(key, 'a number above 0');
  }

  text(key: string): string | undefined {
    return metadataText(this.#file.metadata, this.name(key), this.path);
  }

  missing(key: string, expected: string): DndError {
    return invalidValue('CORRUPT_FILE', `${this.path}: ${this.name(key)}`, expected, undefined);
  }
}

function headDimension(hidden: number, heads: number, fields: ArchitectureFields): number {
  if (hidden % heads === 0) return hidden / heads;
  const what = `${fields.name('embedding_length')} ${hidden} is not a multiple of ${heads} heads`;
  throw new DndError('CORRUPT_FILE', `${fields.path}: ${what}, and ${fields.name('attention.key_length')} is missing`);
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

/** Its id in a repository of models, out of the address that the converter may have written. */
function repository({ path, metadata }: GgufHeader): { _name_or_path?: string } {
  for (const key of ['general.source.repo_url', 'general.repo_url']) {
    const id = /^https:\/\/[\w.-]+\/([\w.-]+\/[\w.-]+)\/?$/.exec(metadataText(metadata, key, path) ?? '')?.[1];
    if (id !== undefined) return { _name_or_path: id };
  }
  return {};
}

function unsupported(path: string, what: string): DndError {
  return new DndError('UNSUPPORTED_BASE', `${path}: ${what}`);
}
