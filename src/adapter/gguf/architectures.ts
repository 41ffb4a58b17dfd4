import { DndError } from '../../errors.js';
import { quoteValue } from '../../validation/index.js';
import { MODULES, type ModuleName, type Widths } from '../modules.js';

/** A projection of a decoder layer under both of its names. */
export interface GgufModule {
  /** Transformers' name of it within a layer, such as `self_attn.q_proj`. */
  path: string;
  /** llama.cpp's, such as `attn_q`. */
  weight: string;
  /** Input and output width. */
  shape: (widths: Widths) => readonly [number, number];
  /** Which heads' rows llama.cpp's converter permutes; none of most architectures. */
  permutedBy?: 'heads' | 'kvHeads';
}

/** What llama.cpp calls an architecture (`general.architecture`), as far as adapters depend on it. */
export interface Architecture {
  /** Where transformers keeps the layers, unless the base model has them elsewhere. */
  layersPath: string;
  modules: readonly GgufModule[];
  /** The base stores its weights transposed in transformers, which PEFT has a setting for. */
  fanInFanOut: boolean;
}

const WEIGHTS: Readonly<Partial<Record<ModuleName, string>>> = {
  q_proj: 'attn_q',
  k_proj: 'attn_k',
  v_proj: 'attn_v',
  o_proj: 'attn_output',
  up_proj: 'ffn_up',
  gate_proj: 'ffn_gate',
  down_proj: 'ffn_down',
};

const SEPARATE: readonly GgufModule[] = MODULES.filter(({ name }) => Object.hasOwn(WEIGHTS, name)).map(
  ({ name, parent, input, output }) => ({
    path: `${parent}.${name}`,
    weight: WEIGHTS[name]!,
    shape: (widths) => [widths[input], widths[output]],
  }),
);

/**
 * The rotary embedding of these architectures pairs neighbouring rows in llama.cpp, and rows half a head apart in
 * transformers: the converter of base models reorders the rows of q and k, and adapters must follow.
 */
const PERMUTED: readonly GgufModule[] = SEPARATE.map((module) => {
  if (module.weight === 'attn_q') return { ...module, permutedBy: 'heads' };
  return module.weight === 'attn_k' ? { ...module, permutedBy: 'kvHeads' } : module;
});

const fused = (path: string): GgufModule => ({
  path,
  weight: 'attn_qkv',
  shape: ({ hidden, query, keyValue }) => [hidden, query + 2 * keyValue],
});

const FUSED: readonly GgufModule[] = [
  fused('self_attn.qkv_proj'),
  ...SEPARATE.filter(({ weight }) => weight === 'attn_output' || weight === 'ffn_down'),
  {
    path: 'mlp.gate_up_proj',
    weight: 'ffn_up',
    shape: ({ hidden, intermediate }) => [hidden, 2 * intermediate],
  },
];

const GPT2: readonly GgufModule[] = [
  fused('attn.c_attn'),
  { path: 'attn.c_proj', weight: 'attn_output', shape: ({ query, hidden }) => [query, hidden] },
  { path: 'mlp.c_fc', weight: 'ffn_up', shape: ({ hidden, intermediate }) => [hidden, intermediate] },
  { path: 'mlp.c_proj', weight: 'ffn_down', shape: ({ hidden, intermediate }) => [intermediate, hidden] },
];

function llamaLike(modules: readonly GgufModule[]): Architecture {
  return { layersPath: 'model.layers', modules, fanInFanOut: false };
}

/** By `general.architecture`. Source: the model classes of llama.cpp's convert_hf_to_gguf.py, and gguf-py's names. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: llamaLike(PERMUTED),
  qwen2: llamaLike(SEPARATE),
  qwen2vl: llamaLike(SEPARATE),
  qwen3: llamaLike(SEPARATE),
  gemma: llamaLike(SEPARATE),
  gemma2: llamaLike(SEPARATE),
  gemma3: llamaLike(SEPARATE),
  granite: llamaLike(PERMUTED),
  smollm3: llamaLike(PERMUTED),
  olmo2: llamaLike(SEPARATE),
  phi3: llamaLike(FUSED),
  gpt2: { layersPath: 'transformer.h', modules: GPT2, fanInFanOut: true },
};

/** @throws DndError UNSUPPORTED_BASE for one that is not in ARCHITECTURES */
export function architectureOf(name: string, source: string): Architecture {
  if (Object.hasOwn(ARCHITECTURES, name)) return ARCHITECTURES[name]!;
  throw new DndError(
    'UNSUPPORTED_BASE',
    `${source}: GGUF adapters of the architecture ${quoteValue(name)} are not supported; those of ` +
      `${Object.keys(ARCHITECTURES).join(', ')} are`,
  );
}
