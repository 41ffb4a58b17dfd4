import { type AdapterLayout, matrixPairs } from '../adapter/index.js';
import { eventLoopYielder, type LongOperation, steadyProgress } from '../async/index.js';
import { DndError } from '../errors.js';
import { innerProduct } from '../linear-algebra/index.js';
import { productOf } from './delta-loss.js';
import { readElements } from './pairs/index.js';
import type { Checkpoint } from './pairs/types.js';

/** Smaller shares of the mean adapter's square are rounding errors of float32 weights. */
const SMALLEST_SHARE = 1e-12;

/**
 * For each module the mean over checkpoints of ‖ΔW − ΔW of the mean adapter‖²; 0 where they do not differ. One checkpoint
 * after the other, in double precision.
 * @param layout with `residual`, of these checkpoints
 * @returns [modules] in the order of `matrixPairs`
 * @throws DndError as `readWeights`; INVALID_PAIRS where no module differs; `signal.reason`
 */
export async function deltaDeviations(
  checkpoints: readonly Pick<Checkpoint, 'name' | 'path'>[],
  layout: AdapterLayout,
  { signal, onProgress }: LongOperation = {},
): Promise<Float64Array> {
  const yieldToEventLoop = eventLoopYielder();
  const report = steadyProgress(onProgress);
  const pairs = matrixPairs(layout.tensors);
  const means = pairs.map((pair) => productOf(layout.residual!.mean, pair));
  const squares = means.map((mean) => innerProduct(mean, mean));
  const deviations = new Float64Array(pairs.length);
  for (const [index, checkpoint] of checkpoints.entries()) {
    const adapter = await readElements(checkpoint, layout, { signal });
    for (const [module, pair] of pairs.entries()) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      const product = productOf(adapter, pair);
      const [own, cross] = [innerProduct(product, product), innerProduct(product, means[module]!)];
      deviations[module]! += Math.max(0, own - 2 * cross + squares[module]!) / checkpoints.length;
    }
    report((index + 1) / checkpoints.length);
  }
  for (const [module, square] of squares.entries())
    if (deviations[module]! <= SMALLEST_SHARE * square) deviations[module] = 0;
  if (deviations.some((deviation) => deviation > 0)) return deviations;
  throw new DndError(
    'INVALID_PAIRS',
    "targets 'delta': the training checkpoints add the same to the base; expected some that differ. Add checkpoints or tasks, or train with targets 'raw'",
  );
}
