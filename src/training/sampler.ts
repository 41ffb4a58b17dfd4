import { SplitMix64 } from '../random/split-mix.js';
import type { Checkpoint } from './pairs/types.js';
import { nameNumber, STREAMS } from './streams.js';

/** A task to draw samples from. */
export interface SampledTask {
  name: string;
  /** The texts to encode, one per item. */
  texts: readonly string[];
  checkpoints: readonly Checkpoint[];
}

/** Prompts, and the target checkpoint. */
export interface Sample {
  task: string;
  /** null for a task without checkpoints. */
  checkpoint: Checkpoint | null;
  /** As many as the decoder takes, in the order of the condition. */
  texts: string[];
}

export interface SampleOptions {
  seed: number;
  /** Samples in a step. */
  batch: number;
  /** Texts in a condition. */
  prompts: number;
  /**
   * Draw for each sample how many different texts of the task are in it, from one to all: for a generator that shall do
   * with one as well. Default: as many as there are.
   */
  someTexts?: boolean | undefined;
}

/**
 * The batch of a step, counted from 0: for each place a task, a checkpoint of it and prompts of it, each equally likely
 * and in random order. It depends only on seed and step, so a run resumes without sampler state.
 */
export function sampleBatch(
  tasks: readonly SampledTask[],
  step: number,
  { seed, batch, prompts, someTexts }: SampleOptions,
): Sample[] {
  const random = SplitMix64.derived(seed, STREAMS.sample, step);
  return Array.from({ length: batch }, () => {
    const { name, texts, checkpoints } = tasks[random.below(tasks.length)]!;
    const checkpoint = checkpoints.length === 0 ? null : checkpoints[random.below(checkpoints.length)]!;
    const known = someTexts ? drawTexts(texts, 1 + random.below(Math.min(texts.length, prompts)), random) : texts;
    return { task: name, checkpoint, texts: drawTexts(known, prompts, random) };
  });
}

/**
 * The items that a step's behaviour loss is computed on, for one place of its batch: distinct ones while there are
 * enough. They depend only on seed, step and place, so a run resumes without sampler state.
 */
export function drawSequences<T>(
  examples: readonly T[],
  { seed, step, place, count }: { seed: number; step: number; place: number; count: number },
): T[] {
  const random = SplitMix64.derived(seed, STREAMS.sequences, step, place);
  return random.draws(examples.length, count).map((index) => examples[index]!);
}

/** The prompts and checkpoints (up to a limit) of a task in every evaluation of a run. */
export function evaluationSample(
  { name, texts, checkpoints }: SampledTask,
  { seed, prompts, most }: { seed: number; prompts: number; most: number },
): { texts: string[]; checkpoints: Checkpoint[] } {
  const random = SplitMix64.derived(seed, STREAMS.evaluation, nameNumber(name));
  const drawn = drawTexts(texts, prompts, random);
  const chosen = new Set(random.sample(checkpoints.length, Math.min(most, checkpoints.length)));
  return { texts: drawn, checkpoints: checkpoints.filter((_, index) => chosen.has(index)) };
}

/** Draws `count` distinct texts in random order; if there are too few, all of them and then further draws. */
export function drawTexts(texts: readonly string[], count: number, random: SplitMix64): string[] {
  return random.draws(texts.length, count).map((index) => texts[index]!);
}
