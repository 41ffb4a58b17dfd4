import {
  CausalEngine,
  type CausalEngineOptions,
  type CausalSequences,
  type CausalSizes,
  type CausalTrainerEngine,
  type OptimiserOptions,
  type SequenceAdapters,
} from '../../src/engine/index.js';

/** A small model of every part that a family can have. */
export const SIZES: CausalSizes = {
  vocabSize: 31,
  hiddenSize: 12,
  layers: 2,
  heads: 4,
  kvHeads: 2,
  headWidth: 4,
  intermediateSize: 20,
  maxPositions: 64,
  rmsNormEps: 1e-6,
  qkvBias: true,
  outputBias: false,
  mlpBias: false,
  queryKeyNorm: true,
  tiedHead: false,
  windows: [0, 5],
  inverseFrequencies: [1, 0.01],
};

/** Large enough that work takes a while. */
export const LARGE: CausalSizes = {
  ...SIZES,
  vocabSize: 4000,
  hiddenSize: 256,
  layers: 8,
  heads: 8,
  headWidth: 32,
  intermediateSize: 1024,
  maxPositions: 512,
  windows: Array<number>(8).fill(0),
  inverseFrequencies: Array.from({ length: 16 }, (_, i) => 10_000 ** (-i / 16)),
};

export const ADAMW: OptimiserOptions = {
  beta1: 0.9,
  beta2: 0.99,
  eps: 1e-8,
  weightDecay: 0.01,
  maxGradientNorm: 1,
  moments: 'fp32',
};

export const MODULES = ['q_proj', 'v_proj', 'down_proj'];

/** Elements of an adapter of `MODULES` with this rank, in all layers. */
export function adapterElements(
  { layers, hiddenSize, heads, kvHeads, headWidth, intermediateSize }: CausalSizes,
  rank: number,
): number {
  const query = hiddenSize + heads * headWidth;
  const value = hiddenSize + kvHeads * headWidth;
  return layers * rank * (query + value + intermediateSize + hiddenSize);
}

/** Initialised with large deviations, so that every part matters. */
export async function createModel(
  sizes: CausalSizes = SIZES,
  options: Partial<CausalEngineOptions> = {},
): Promise<CausalEngine> {
  const engine = await CausalEngine.create({ ...sizes, threads: 2, ...options });
  await engine.initialise(11, 0.4);
  return engine;
}

/** Sequences of pseudo-random ids. */
export function sequencesOf(
  lengths: readonly number[],
  { vocabSize }: CausalSizes = SIZES,
): CausalSequences & { ids: Int32Array } {
  let state = 7;
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const ids = Int32Array.from({ length: tokens }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state % vocabSize;
  });
  return { ids, lengths };
}

/** Adapters of rank 2 with pseudo-random matrices. */
export function adaptersFor(sizes: CausalSizes, count: number, adapterOf: readonly number[]): SequenceAdapters {
  const adapters = Array.from({ length: count }, (_, adapter) =>
    Float32Array.from({ length: adapterElements(sizes, 2) }, (_, i) => Math.sin((i + 1) * (adapter + 3)) * 0.3),
  );
  const layers = Array.from({ length: sizes.layers }, (_, layer) => layer);
  return { rank: 2, modules: MODULES, layers, scale: 0.5, adapters, adapterOf };
}

export const LORA = { trained: 'lora' as const, rank: 2, scale: 0.5, modules: MODULES, layers: [0, 1] };

/** All parameters, one after the other. */
export function parametersOf(engine: CausalEngine | CausalTrainerEngine): Float32Array[] {
  return engine.parameters.map(({ name, shape }) =>
    engine.readParameter(
      name,
      0,
      shape.reduce((product, size) => product * size, 1),
    ),
  );
}
