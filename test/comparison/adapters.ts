import { type AdapterTensor, LoraAdapter, type LoraConfig, mergeDelta } from '../../src/adapter/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';

export const Q = 'model.layers.0.self_attn.q_proj';
export const V = 'model.layers.0.self_attn.v_proj';
/** [output width, input width] of the modules of the tests' base. */
export const SHAPES: Record<string, [number, number]> = {
  [Q]: [12, 9],
  [V]: [5, 9],
  'model.layers.10.mlp.down_proj': [9, 14],
  'model.layers.2.mlp.down_proj': [9, 14],
};

export const CONFIG: LoraConfig = {
  rank: 3,
  alpha: 6,
  useRslora: false,
  targetModules: ['q_proj', 'v_proj', 'down_proj'],
  baseModelName: 'tiny/base',
};

interface Made {
  seed: number;
  modules?: string[];
  shapes?: Record<string, [number, number]>;
  config?: Partial<LoraConfig>;
}

/** An adapter of random weights. */
export function adapterOf({ seed, modules, shapes = SHAPES, config = {} }: Made): LoraAdapter {
  const random = SplitMix64.seeded(seed);
  const values = (count: number) => Float32Array.from({ length: count }, () => random.below(2001) / 1000 - 1);
  const all = { ...CONFIG, ...config };
  const tensors = new Map<string, AdapterTensor>();
  for (const module of modules ?? Object.keys(shapes)) {
    const rank = all.rankPattern?.[module.split('.').at(-1)!] ?? all.rank;
    const [output, input] = shapes[module]!;
    tensors.set(`base_model.model.${module}.lora_A.weight`, { shape: [rank, input], data: values(rank * input) });
    tensors.set(`base_model.model.${module}.lora_B.weight`, { shape: [output, rank], data: values(output * rank) });
  }
  return new LoraAdapter(all, tensors);
}

/** The same adapter with its tensors changed. */
export function changed(
  { config, tensors }: LoraAdapter,
  change: (name: string, data: Float32Array) => Float32Array,
  settings: Partial<LoraConfig> = {},
): LoraAdapter {
  const entries = Array.from(
    tensors,
    ([name, { shape, data }]) => [name, { shape, data: change(name, data) }] as const,
  );
  return new LoraAdapter({ ...config, ...settings }, new Map(entries));
}

/** The difference or sum of dense ΔW; a module that is missing is 0. */
export async function denseSum(
  adapters: readonly LoraAdapter[],
  weights: readonly number[],
  module: string,
): Promise<Float64Array> {
  const sum = new Float64Array(SHAPES[module]![0] * SHAPES[module]![1]);
  for (const [i, adapter] of adapters.entries()) {
    if (!adapter.moduleNames().includes(module)) continue;
    const delta = await mergeDelta(adapter, module);
    for (let j = 0; j < sum.length; j++) sum[j]! += weights[i]! * delta[j]!;
  }
  return sum;
}

export function normOf(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));
}
