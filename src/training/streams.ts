import { createHash } from 'node:crypto';

/** Ids of random number streams: the first number after the seed in `SplitMix64.derived`. */
export const STREAMS = {
  /** Followed by the step: tasks, checkpoints and prompts of its batch. */
  sample: 1,
  /** Followed by the task: which of its items include their responses. */
  mix: 2,
  /** Followed by the task: its evaluation prompts and checkpoints. */
  evaluation: 3,
  /** Followed by the checkpoint: which ones are held out. */
  heldOut: 4,
  /** The key of the noise. */
  noise: 5,
  /** The positions that principal components are computed from. */
  components: 6,
} as const;

const BYTES = 6;

/** An integer id of a task or checkpoint, independent of the others. */
export function nameNumber(name: string): number {
  return createHash('sha256').update(name).digest().readUIntBE(0, BYTES);
}
