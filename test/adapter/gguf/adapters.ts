import { type GgufBase, ggufBaseOf } from '../../../src/adapter/gguf/index.js';
import { LoraAdapter, type LoraConfig, tensorName } from '../../../src/adapter/index.js';
import { SplitMix64 } from '../../../src/random/split-mix.js';

/** A base of two layers whose heads, widths and order of rows all differ. */
export function tinyBase(modelType: string): GgufBase {
  const sizes = { hidden: 24, heads: 4, kvHeads: 2, headDim: 8, intermediate: 40, layers: 2 };
  return ggufBaseOf({ name: 'tiny/base', modelType, ...sizes }, 'tiny');
}

export const MODULE_SHAPES: Readonly<Record<string, readonly [number, number]>> = {
  'self_attn.q_proj': [24, 32],
  'self_attn.k_proj': [24, 16],
  'self_attn.v_proj': [24, 16],
  'self_attn.o_proj': [32, 24],
  'mlp.up_proj': [24, 40],
  'mlp.gate_proj': [24, 40],
  'mlp.down_proj': [40, 24],
};

export interface AdapterParts {
  config?: Partial<LoraConfig>;
  modules?: readonly string[];
  layers?: readonly number[];
  rankOf?: (module: string) => number;
  seed?: number;
}

/** An adapter of the tiny base with random weights; every module of both layers by default. */
export function adapter(parts: AdapterParts = {}): LoraAdapter {
  const { modules = Object.keys(MODULE_SHAPES), layers = [0, 1], rankOf = () => 4, seed = 1 } = parts;
  const random = SplitMix64.seeded(seed);
  const values = (count: number) => Float32Array.from({ length: count }, () => random.below(2001) / 1000 - 1);
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  for (const layer of layers)
    for (const path of modules) {
      const module = `model.layers.${layer}.${path}`;
      const [input, output] = MODULE_SHAPES[path]!;
      const rank = rankOf(module);
      tensors.set(tensorName(module, 'A'), { shape: [rank, input], data: values(rank * input) });
      tensors.set(tensorName(module, 'B'), { shape: [output, rank], data: values(output * rank) });
    }
  const targetModules = modules.map((path) => path.split('.')[1]!);
  const config = { rank: 4, alpha: 8, useRslora: false, targetModules, baseModelName: null, ...parts.config };
  return new LoraAdapter(config, tensors);
}
