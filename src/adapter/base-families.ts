/**
 * Written by scripts/base-families.py, which measured it with transformers 5.23.0. Change that script, not this file.
 */

/** How a family fills in a size that its config.json lacks, or has as null. */
export interface Missing {
  /**
   * A number; 'derived' from other sizes (key–value heads: the heads; head dimension: hidden size / heads); null where
   * transformers makes no model.
   */
  missing: number | 'derived' | null;
  null: number | 'derived' | null;
}

/** A family of language models: its modules, and transformers' sizes where config.json has none. */
export interface TextFamily {
  /** 'separate' q, k, v, o, up, gate, down; 'fused' qkv, o, gate_up, down; 'attention': q, k, v, o beside experts. */
  modules: 'separate' | 'fused' | 'attention';
  hidden: number;
  intermediate: number;
  layers: number;
  heads: number;
  kvHeads: Missing;
  /** `ignored`: always hidden size / heads, whatever the file has. */
  headDim: Missing & { ignored: boolean };
}

/** A family of models that wrap a language model beside an image encoder. */
export interface WrapperFamily {
  /** `model_type` of the language models it takes, in `text_config`. */
  texts: readonly string[];
  /** The one it takes where `text_config` has no `model_type`. */
  untyped: string;
  /** Whether a file without `text_config` describes the language model at its top level. */
  flat: boolean;
  layersPath: string;
  /** Module that holds the image encoder. */
  imageEncoder: string;
}

/** By `model_type`. */
export const TEXT_FAMILIES: Readonly<Record<string, TextFamily>> = {
  llama: {
    modules: 'separate',
    hidden: 4096,
    intermediate: 11008,
    layers: 32,
    heads: 32,
    kvHeads: { missing: 'derived', null: 'derived' },
    headDim: { missing: 'derived', null: 'derived', ignored: false },
  },
  mistral: {
    modules: 'separate',
    hidden: 4096,
    intermediate: 14336,
    layers: 32,
    heads: 32,
    kvHeads: { missing: 8, null: null },
    headDim: { missing: 'derived', null: 'derived', ignored: false },
  },
  qwen2: {
    modules: 'separate',
    hidden: 4096,
    intermediate: 22016,
    layers: 32,
    heads: 32,
    kvHeads: { missing: 32, null: 'derived' },
    headDim: { missing: 'derived', null: null, ignored: false },
  },
  qwen3: {
    modules: 'separate',
    hidden: 4096,
    intermediate: 22016,
    layers: 32,
    heads: 32,
    kvHeads: { missing: 32, null: 'derived' },
    headDim: { missing: 128, null: null, ignored: false },
  },
  gemma: {
    modules: 'separate',
    hidden: 3072,
    intermediate: 24576,
    layers: 28,
    heads: 16,
    kvHeads: { missing: 16, null: null },
    headDim: { missing: 256, null: null, ignored: false },
  },
  gemma2: {
    modules: 'separate',
    hidden: 2304,
    intermediate: 9216,
    layers: 26,
    heads: 8,
    kvHeads: { missing: 4, null: null },
    headDim: { missing: 256, null: null, ignored: false },
  },
  gemma3_text: {
    modules: 'separate',
    hidden: 2304,
    intermediate: 9216,
    layers: 26,
    heads: 8,
    kvHeads: { missing: 4, null: null },
    headDim: { missing: 256, null: null, ignored: false },
  },
  phi3: {
    modules: 'fused',
    hidden: 3072,
    intermediate: 8192,
    layers: 32,
    heads: 32,
    kvHeads: { missing: 'derived', null: 'derived' },
    headDim: { missing: 'derived', null: null, ignored: false },
  },
  smollm3: {
    modules: 'separate',
    hidden: 2048,
    intermediate: 11008,
    layers: 36,
    heads: 16,
    kvHeads: { missing: 4, null: 'derived' },
    headDim: { missing: 'derived', null: null, ignored: false },
  },
  granite: {
    modules: 'separate',
    hidden: 4096,
    intermediate: 11008,
    layers: 32,
    heads: 32,
    kvHeads: { missing: 'derived', null: 'derived' },
    headDim: { missing: 'derived', null: null, ignored: false },
  },
  olmo2: {
    modules: 'separate',
    hidden: 4096,
    intermediate: 11008,
    layers: 32,
    heads: 32,
    kvHeads: { missing: 'derived', null: 'derived' },
    headDim: { missing: 'derived', null: null, ignored: false },
  },
  olmo3: {
    modules: 'separate',
    hidden: 4096,
    intermediate: 11008,
    layers: 32,
    heads: 32,
    kvHeads: { missing: 'derived', null: 'derived' },
    headDim: { missing: 'derived', null: null, ignored: false },
  },
  ministral: {
    modules: 'separate',
    hidden: 4096,
    intermediate: 14336,
    layers: 32,
    heads: 32,
    kvHeads: { missing: 8, null: null },
    headDim: { missing: null, null: null, ignored: false },
  },
  ministral3: {
    modules: 'separate',
    hidden: 4096,
    intermediate: 14336,
    layers: 34,
    heads: 32,
    kvHeads: { missing: 8, null: null },
    headDim: { missing: 128, null: null, ignored: false },
  },
  qwen3_moe: {
    modules: 'attention',
    hidden: 2048,
    intermediate: 6144,
    layers: 24,
    heads: 32,
    kvHeads: { missing: 4, null: null },
    headDim: { missing: 'derived', null: null, ignored: false },
  },
  qwen2_vl_text: {
    modules: 'separate',
    hidden: 8192,
    intermediate: 29568,
    layers: 80,
    heads: 64,
    kvHeads: { missing: 8, null: 'derived' },
    headDim: { missing: 'derived', null: 'derived', ignored: true },
  },
  qwen2_5_vl_text: {
    modules: 'separate',
    hidden: 8192,
    intermediate: 29568,
    layers: 80,
    heads: 64,
    kvHeads: { missing: 8, null: 'derived' },
    headDim: { missing: 'derived', null: 'derived', ignored: true },
  },
};

/** By `model_type`. */
export const WRAPPER_FAMILIES: Readonly<Record<string, WrapperFamily>> = {
  qwen2_vl: {
    texts: ['qwen2_vl_text'],
    untyped: 'qwen2_vl_text',
    flat: true,
    layersPath: 'model.language_model.layers',
    imageEncoder: 'visual',
  },
  qwen2_5_vl: {
    texts: ['qwen2_5_vl_text'],
    untyped: 'qwen2_5_vl_text',
    flat: true,
    layersPath: 'model.language_model.layers',
    imageEncoder: 'visual',
  },
  gemma3: {
    texts: ['gemma3_text'],
    untyped: 'gemma3_text',
    flat: false,
    layersPath: 'model.language_model.layers',
    imageEncoder: 'vision_tower',
  },
  mistral3: {
    texts: ['mistral', 'ministral3'],
    untyped: 'mistral',
    flat: false,
    layersPath: 'model.language_model.layers',
    imageEncoder: 'vision_tower',
  },
};
