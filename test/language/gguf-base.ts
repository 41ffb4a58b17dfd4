import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARCHITECTURES } from '../../src/adapter/gguf/architectures.js';
import { permuteRows } from '../../src/adapter/gguf/permute.js';
import { architectureOfModelType } from '../../src/adapter/gguf-model-types.js';
import { type FloatDtype, fromFloat32 } from '../../src/formats/dtypes.js';
import {
  type GgmlType,
  type GgufTensorSource,
  type GgufValue,
  quantise,
  writeGguf,
} from '../../src/formats/gguf/index.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { inverseFrequencies } from '../../src/language/rotary.js';

/** Writes the model of a folder as a GGUF file, as llama.cpp's converter does it; the reverse of what is tested. */

export type Values = number | boolean | string | readonly string[] | Int32Array | Float32Array;

export function ggufValue(value: Values): GgufValue {
  if (typeof value === 'string') return { type: 'string', value };
  if (typeof value === 'boolean') return { type: 'bool', value };
  if (typeof value === 'number') return { type: Number.isInteger(value) ? 'uint32' : 'float32', value };
  if (value instanceof Int32Array) return { type: 'array', value: { of: 'int32', values: value } };
  if (value instanceof Float32Array) return { type: 'array', value: { of: 'float32', values: value } };
  return { type: 'array', value: { of: 'string', values: value as readonly string[] } };
}

interface Tokenizer {
  added_tokens: { id: number; content: string; special: boolean }[];
  model: { vocab: Record<string, number>; merges: (string | [string, string])[]; byte_fallback: boolean };
}

/** `tokenizer.ggml.*` of a tokenizer.json: tokens, padded to `size`, their types, and merges or scores. */
export function tokenizerMetadata({ model, added_tokens }: Tokenizer, size: number): Record<string, Values> {
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(size).fill(5);
  for (const [token, id] of Object.entries(model.vocab)) {
    tokens[id] = token;
    types[id] = /^<0x..>$/.test(token) ? 6 : 1;
  }
  for (const { id, content, special } of added_tokens) {
    tokens[id] = content;
    types[id] = special ? 3 : 4;
  }
  const merges = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
  const shared = { 'tokenizer.ggml.tokens': tokens, 'tokenizer.ggml.token_type': types };
  if (!model.byte_fallback) return { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.merges': merges, ...shared };
  const rank = new Map(merges.map((merge, index) => [merge.replace(' ', ''), index]));
  const scores = Float32Array.from(tokens, (token) => -(rank.get(token) ?? (token.length > 1 ? 0 : 1000)));
  return { 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.scores': scores, ...shared };
}

export interface GgufOptions {
  /** Of weights with two axes. */
  type?: 'F32' | 'F16' | 'BF16' | 'Q8_0';
  /** undefined: leave it out. */
  metadata?: Record<string, Values | undefined>;
  change?: (tensors: GgufTensorSource[]) => GgufTensorSource[];
}

const NORMS: Record<string, string> = {
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
};
const OUTSIDE: Record<string, string> = {
  'model.embed_tokens.weight': 'token_embd.weight',
  'model.norm.weight': 'output_norm.weight',
  'lm_head.weight': 'output.weight',
};

/** @param folder in the layout of Hugging Face, with one safetensors file and every size in its config.json */
export async function writeGgufOf(folder: string, path: string, options: GgufOptions = {}): Promise<string> {
  const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  const tokenizer = JSON.parse(await readFile(join(folder, 'tokenizer.json'), 'utf8'));
  const architecture = architectureOfModelType(config.model_type, path);
  const heads = config.num_attention_heads as number;
  const headDim = (config.head_dim ?? config.hidden_size / heads) as number;
  const own: Record<string, Values> = {
    block_count: config.num_hidden_layers,
    context_length: config.max_position_embeddings,
    embedding_length: config.hidden_size,
    feed_forward_length: config.intermediate_size,
    'attention.head_count': heads,
    'attention.head_count_kv': config.num_key_value_heads,
    'attention.key_length': headDim,
    'attention.value_length': headDim,
    'rope.dimension_count': headDim,
    vocab_size: config.vocab_size,
  };
  const metadata = new Map<string, GgufValue>(
    Object.entries<Values | undefined>({
      'general.architecture': architecture,
      ...Object.fromEntries(Object.entries(own).map(([key, value]) => [`${architecture}.${key}`, value])),
      ...tokenizerMetadata(tokenizer, config.vocab_size),
      'tokenizer.ggml.pre': 'qwen2',
      'tokenizer.ggml.eos_token_id': tokenizer.added_tokens.at(-1).id,
      ...options.metadata,
    }).flatMap(([key, value]) => (value === undefined ? [] : [[key, ggufValue(value)] as const])),
  );
  const float = (value: number): GgufValue => ({ type: 'float32', value });
  metadata.set(`${architecture}.attention.layer_norm_rms_epsilon`, float(config.rms_norm_eps));
  metadata.set(
    `${architecture}.rope.freq_base`,
    float(config.rope_parameters?.rope_theta ?? config.rope_theta ?? 10_000),
  );

  const { modules } = ARCHITECTURES[architecture]!;
  const tensors: GgufTensorSource[] = [];
  const file = await SafetensorsFile.open(join(folder, 'model.safetensors'));
  for (const { name, shape } of file.tensors.values()) {
    let values = await file.readFloat32(name);
    let own = OUTSIDE[name];
    if (own === undefined) {
      const [, layer, place, kind] = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name)!;
      const module = modules.find((one) => one.path === place);
      own = `blk.${layer}.${module?.weight ?? NORMS[place!]}.${kind}`;
      const permuted = module?.permutedBy === 'heads' ? heads : config.num_key_value_heads;
      if (module?.permutedBy) values = permuteRows(values, shape[1] ?? 1, permuted, 'llama.cpp');
    }
    const type: GgmlType = shape.length === 2 ? (options.type ?? 'F32') : 'F32';
    tensors.push(tensorOf(own, [...shape].reverse(), values, type));
  }
  await file.close();
  if (config.rope_parameters?.rope_type === 'llama3') {
    const plain = inverseFrequencies({ rope_theta: config.rope_parameters.rope_theta }, headDim, path);
    const scaled = inverseFrequencies(config, headDim, path);
    const factors = Float32Array.from(plain, (frequency, index) => frequency / scaled[index]!);
    tensors.push(tensorOf('rope_freqs.weight', [headDim / 2], factors));
  }
  await writeGguf(path, metadata, options.change ? options.change(tensors) : tensors);
  return path;
}

export function tensorOf(
  name: string,
  shape: number[],
  values: Float32Array,
  type: GgmlType = 'F32',
): GgufTensorSource {
  const bytes = type === 'Q8_0' || type === 'Q4_0' ? quantise(values, type) : fromFloat32(values, type as FloatDtype);
  return { name, shape, type, bytes: () => [bytes] };
}
