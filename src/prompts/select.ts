import { DndError } from '../errors.js';
import { checkSeed, SplitMix64 } from '../random/split-mix.js';

/** The prompts selected from a prompt set. */
export interface PromptSelection {
  /** As many as requested, in the order of the condition. */
  prompts: string[];
  /** The index of each in the prompt set. */
  indices: number[];
  /** Number of prompts dropped. */
  dropped: number;
  /** Number of repetitions among the selected prompts. */
  repeated: number;
}

/**
 * Selects `count` of N prompts. N = count: all, in order. N > count: a seeded sample without replacement, in the order
 * drawn. N < count: all once in order, then seeded draws with replacement. The same seed selects the same prompts on
 * every machine.
 * @throws DndError INVALID_PROMPTS for no prompts; INVALID_ARGUMENT for an invalid count or seed
 */
export function selectPrompts(prompts: readonly string[], count: number, seed: number): PromptSelection {
  checkSeed(seed);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new DndError('INVALID_ARGUMENT', `the number of prompts wanted must be from 1, not ${String(count)}`);
  }
  const given = prompts.length;
  if (given === 0) throw new DndError('INVALID_PROMPTS', 'the prompt set is empty; give at least one prompt');
  const random = SplitMix64.seeded(seed);
  const indices =
    given > count
      ? random.sample(given, count)
      : Array.from({ length: count }, (_, place) => (place < given ? place : random.below(given)));
  return {
    prompts: indices.map((index) => prompts[index]!),
    indices,
    dropped: Math.max(0, given - count),
    repeated: Math.max(0, count - given),
  };
}
