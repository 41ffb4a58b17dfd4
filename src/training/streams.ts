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
  /** Followed by step and place in the batch: the items of the behaviour loss. */
  sequences: 6,
  /** Alone: the tasks whose responses are evaluated; followed by the task: its items. */
  responses: 7,
  /** The condition that an untrained decoder's output is measured with. */
  start: 8,
  /** The positions that principal components are computed from. */
  components: 9,
  /** The directions of a learned basis. */
  basis: 10,
} as const;

const BYTES = 6;

/** An integer id of a task or checkpoint, independent of the others. */
export function nameNumber(name: string): number {
  return createHash('sha256').update(name).digest().readUIntBE(0, BYTES);
}
