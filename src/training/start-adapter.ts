import { type AdapterLayout, ResidualStatistics } from '../adapter/index.js';
import type { TrainerEngine } from '../engine/index.js';
import { conditionShape } from '../generator/decoder-shape.js';
import type { GeneratorManifest } from '../generator/manifest.js';
import { normal } from '../random/normal.js';
import { SplitMix64 } from '../random/split-mix.js';
import { type Checkpoint, type ReadWeights, readElements } from './pairs/index.js';
import { STREAMS } from './streams.js';

/**
 * The layout whose weight tokens are relative to the adapter that every task starts from. Their one scale is such that
 * an untrained decoder changes weights by `deviation`, root mean square: small, since what it adds is random at first.
 * The decoder's own output is measured with a condition of normal numbers, which its first norm makes like any other.
 * @param engine is initialised, as the run's is when it starts
 * @param read the start is read by it
 * @throws DndError as `readWeights` and `TrainerEngine.forward`; `signal.reason`
 */
export async function relativeToStart(
  start: Checkpoint,
  layout: AdapterLayout,
  {
    engine,
    decoder,
    seed,
    deviation,
    read,
    signal,
  }: {
    engine: Pick<TrainerEngine, 'forward' | 'initialise'>;
    decoder: GeneratorManifest['decoder'];
    seed: number;
    deviation: number;
    read: ReadWeights;
    signal: AbortSignal | undefined;
  },
): Promise<AdapterLayout> {
  const mean = await readElements(start, layout, { read, signal });
  const random = SplitMix64.derived(seed, STREAMS.start);
  const size = conditionShape(decoder).reduce((product, length) => product * length, 1);
  const condition = Float32Array.from({ length: size }, () => normal(random));
  await engine.initialise(seed, { signal });
  const tokens = await engine.forward(condition, 1, { signal });
  const output = Math.sqrt(tokens.reduce((sum, value) => sum + value * value, 0) / tokens.length);
  const scales = new Float32Array(layout.tokenCount).fill(deviation / output);
  return layout.withResidual(new ResidualStatistics(mean, scales));
}
