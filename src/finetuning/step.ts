import type { CausalTrainerEngine } from '../engine/index.js';
import { type EncodedExample, joinExamples } from '../language/index.js';

export interface StepOptions {
  learningRate: number;
  /** Examples that are computed together. */
  microBatch: number;
  signal?: AbortSignal | undefined;
}

/**
 * One optimiser step on the mean loss over all labelled tokens of the batch.
 * @returns that loss, in nats, before the step, and the gradient's norm before clipping
 */
export async function runStep(
  trainer: CausalTrainerEngine,
  examples: readonly EncodedExample[],
  { learningRate, microBatch, signal }: StepOptions,
): Promise<{ loss: number; gradientNorm: number }> {
  const labelled = examples.reduce((sum, example) => sum + example.labelled, 0);
  let loss = 0;
  for (let first = 0; first < examples.length; first += microBatch) {
    const { ids, labels, lengths } = joinExamples(examples.slice(first, first + microBatch));
    const sums = await trainer.accumulate({ ids, lengths }, labels, 1 / labelled, { signal });
    for (const { sum } of sums) loss -= sum / labelled;
  }
  const gradientNorm = await trainer.update(learningRate, { signal });
  return { loss, gradientNorm };
}
