import { createHash } from 'node:crypto';
import type { EncodedExample } from '../language/index.js';
import { SplitMix64 } from '../random/split-mix.js';

/** The first number after the seed in `SplitMix64.derived`. */
const BATCH_STREAM = 1;

/**
 * The examples of a step, counted from 0. Of several sets, each place draws one of them and an example of it, so that
 * large sets weigh no more than small ones; of one set no example comes twice while there are enough. It depends only
 * on seed, phase and step, so a run resumes without sampler state.
 * @param phase a name: that of a task, or of the joint run
 */
export function drawBatch(
  sets: readonly (readonly EncodedExample[])[],
  { seed, phase, step, batch }: { seed: number; phase: string; step: number; batch: number },
): EncodedExample[] {
  const random = SplitMix64.derived(seed, BATCH_STREAM, numberOf(phase), step);
  const [only] = sets;
  if (sets.length > 1 || only === undefined)
    return Array.from({ length: batch }, () => {
      const set = sets[random.below(sets.length)]!;
      return set[random.below(set.length)]!;
    });
  return random.draws(only.length, batch).map((place) => only[place]!);
}

const BYTES = 6;

function numberOf(name: string): number {
  return createHash('sha256').update(name).digest().readUIntBE(0, BYTES);
}
