import { createHash } from 'node:crypto';

/** What random numbers are drawn for: the first number after the seed in `SplitMix64.derived`. */
export const STREAMS = {
  /** Then the step: tasks, checkpoints and prompts of its batch. */
  sample: 1,
  /** Then the task: which of its items come with their answers. */
  mix: 2,
  /** Then the task: the prompts, and the checkpoints, that it is evaluated with. */
  evaluation: 3,
  /** Then the checkpoint: which ones are kept out of training. */
  heldOut: 4,
  /** The key of the noise. */
  noise: 5,
} as const;

const BYTES = 6;

/** A whole number that stands for a task or a checkpoint, whatever others there are. */
export function nameNumber(name: string): number {
  return createHash('sha256').update(name).digest().readUIntBE(0, BYTES);
}
