import { DndError } from '../errors.js';
import { checkSeed, SplitMix64 } from '../random/split-mix.js';

/** The prompts that a generator takes of a prompt set. */
export interface PromptSelection {
  /** As many as were wanted, in the order in which they make the condition. */
  prompts: string[];
  /** Where in the prompt set each of them is. */
  indices: number[];
  /** How many prompts of the set were left out. */
  dropped: number;
  /** How many of the selected ones are there a second time or more. */
  repeated: number;
}

/**
 * Takes `wanted` of N prompts. N = wanted: all, in their order. N > wanted: a seeded sample without replacement, in the
 * order of drawing. N < wanted: all once in their order, then seeded draws with replacement. The same seed selects the
 * same prompts on every machine.
 * @throws DndError INVALID_PROMPTS for no prompts; INVALID_ARGUMENT for a wrong number or seed
 */
export function selectPrompts(prompts: readonly string[], wanted: number, seed: number): PromptSelection {
  checkSeed(seed);
  if (!Number.isSafeInteger(wanted) || wanted < 1) {
    throw new DndError('INVALID_ARGUMENT', `the number of prompts wanted must be from 1, not ${String(wanted)}`);
  }
  const given = prompts.length;
  if (given === 0) throw new DndError('INVALID_PROMPTS', 'the prompt set is empty; give at least one prompt');
  const random = SplitMix64.seeded(seed);
  const indices =
    given > wanted
      ? random.sample(given, wanted)
      : Array.from({ length: wanted }, (_, place) => (place < given ? place : random.below(given)));
  return {
    prompts: indices.map((index) => prompts[index]!),
    indices,
    dropped: Math.max(0, given - wanted),
    repeated: Math.max(0, wanted - given),
  };
}
