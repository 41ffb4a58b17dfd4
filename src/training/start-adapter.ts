import { type AdapterLayout, ResidualStatistics } from '../adapter/index.js';
import type { JobOptions, TrainerEngine } from '../engine/index.js';
import { conditionShape, type DecoderShape } from '../generator/decoder-shape.js';
import { normal } from '../random/normal.js';
import { SplitMix64 } from '../random/split-mix.js';
import { type Checkpoint, type ReadWeights, readElements } from './pairs/index.js';
import { STREAMS } from './streams.js';

type UntrainedEngine = Pick<TrainerEngine, 'forward' | 'initialise'>;

/**
 * What the untrained decoder of a seed makes of a condition of normal numbers, which its first norm makes like any other.
 * @param engine is initialised, as the run's is when it starts
 * @throws as `TrainerEngine.forward`
 */
export async function untrainedOutput(
  engine: UntrainedEngine,
  decoder: DecoderShape,
  seed: number,
  options: JobOptions,
): Promise<Float32Array> {
  await engine.initialise(seed, options);
  const random = SplitMix64.derived(seed, STREAMS.start);
  const size = conditionShape(decoder).reduce((product, length) => product * length, 1);
  const condition = Float32Array.from({ length: size }, () => normal(random));
  return engine.forward(condition, 1, options);
}

/**
 * The scale of weight tokens with which an untrained decoder changes weights by `deviation`, root mean square: small, since
 * what it adds is random at first. Errors: as `untrainedOutput`
 */
export async function startScale(
  engine: UntrainedEngine,
  decoder: DecoderShape,
  { seed, deviation, signal }: { seed: number; deviation: number; signal: AbortSignal | undefined },
): Promise<number> {
  const tokens = await untrainedOutput(engine, decoder, seed, { signal });
  const output = Math.sqrt(tokens.reduce((sum, value) => sum + value * value, 0) / tokens.length);
  return deviation / output;
}

/**
 * The layout whose weight tokens are relative to the adapter that every task starts from, in units of `scale`.
 * @param read the start is read by it
 * @throws DndError as `readWeights`; `signal.reason`
 */
export async function relativeToStart(
  start: Checkpoint,
  layout: AdapterLayout,
  { scale, read, signal }: { scale: number; read: ReadWeights; signal: AbortSignal | undefined },
): Promise<AdapterLayout> {
  const mean = await readElements(start, layout, { read, signal });
  return layout.withResidual(new ResidualStatistics(mean, new Float32Array(layout.tokenCount).fill(scale)));
}
