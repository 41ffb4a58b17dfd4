import type { CausalTrainerEngine } from '../engine/index.js';
import type { EncodedExample } from '../language/index.js';

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
    const { ids, labels, lengths } = together(examples.slice(first, first + microBatch));
    const sums = await trainer.accumulate({ ids, lengths }, labels, 1 / labelled, { signal });
    for (const { sum } of sums) loss -= sum / labelled;
  }
  const gradientNorm = await trainer.update(learningRate, { signal });
  return { loss, gradientNorm };
}

function together(examples: readonly EncodedExample[]) {
  const lengths = examples.map(({ ids }) => ids.length);
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const ids = new Int32Array(tokens);
  const labels = new Int32Array(tokens);
  let offset = 0;
  for (const example of examples) {
    ids.set(example.ids, offset);
    labels.set(example.labels, offset);
    offset += example.ids.length;
  }
  return { ids, labels, lengths };
}
