import { type AdapterLayout, ResidualSums } from '../../adapter/index.js';
import { type LongOperation, steadyProgress } from '../../async/index.js';
import { readWeights } from './target.js';
import type { Checkpoint, ReadWeights } from './types.js';

/**
 * The layout with the mean of the checkpoints and the scales of their deviations: in double precision, one checkpoint
 * after the other, so that the result depends on nothing else.
 * @param layout of the normalisation 'residual'; any other is returned unchanged
 * @param options.read default: the weights as they are
 * @throws DndError as `readWeights`; INVALID_PAIRS if no two checkpoints differ; `signal.reason`
 */
export async function residualOf(
  checkpoints: readonly Pick<Checkpoint, 'name' | 'path'>[],
  layout: AdapterLayout,
  { read = readWeights, signal, onProgress }: LongOperation & { read?: ReadWeights | undefined } = {},
): Promise<AdapterLayout> {
  if (layout.normalisation === 'chunk') return layout;
  const report = steadyProgress(onProgress);
  const sums = new ResidualSums(layout);
  for (const [index, checkpoint] of checkpoints.entries()) {
    signal?.throwIfAborted();
    sums.beginCheckpoint();
    await read(checkpoint, layout.tensors, (data, tensor) => sums.add(data, tensor), signal);
    report((index + 1) / checkpoints.length);
  }
  return layout.withResidual(sums.result());
}
