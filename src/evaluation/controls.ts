import { normal } from '../random/normal.js';
import type { SplitMix64 } from '../random/split-mix.js';

/** A prompt set with the same characters in another order, prompt by prompt: nothing of the task is left. */
export function shuffledPrompts(prompts: readonly string[], random: SplitMix64): string[] {
  return prompts.map((prompt) => {
    const characters = Array.from(prompt);
    const shuffled = random.sample(characters.length, characters.length).map((index) => characters[index]!);
    // A prompt must not be blank at its ends only because of the order.
    return shuffled.join('').trim() || prompt;
  });
}

/**
 * A condition of normal numbers with the mean and the standard deviation that each channel has in real conditions.
 * @param real conditions [prompts, length, channels] of one size
 */
export function randomCondition(real: readonly Float32Array[], channels: number, random: SplitMix64): Float32Array {
  const size = real[0]!.length;
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  for (const condition of real)
    for (const [index, value] of condition.entries()) {
      sums[index % channels]! += value;
      squares[index % channels]! += value * value;
    }
  const count = (size / channels) * real.length;
  const mean = sums.map((sum) => sum / count);
  const deviation = squares.map((sum, channel) => Math.sqrt(Math.max(0, sum / count - mean[channel]! ** 2)));
  return Float32Array.from({ length: size }, (_, index) => {
    const channel = index % channels;
    return mean[channel]! + deviation[channel]! * normal(random);
  });
}

/** The index of the candidate with the largest cosine to `condition`. */
export function nearestCondition(condition: Float32Array, candidates: readonly Float32Array[]): number {
  let best = 0;
  let highest = Number.NEGATIVE_INFINITY;
  for (const [index, candidate] of candidates.entries()) {
    const similarity = cosine(condition, candidate);
    if (similarity <= highest) continue;
    highest = similarity;
    best = index;
  }
  return best;
}

function cosine(one: Float32Array, other: Float32Array): number {
  let product = 0;
  let ones = 0;
  let others = 0;
  for (let index = 0; index < one.length; index++) {
    product += one[index]! * other[index]!;
    ones += one[index]! ** 2;
    others += other[index]! ** 2;
  }
  return product / (Math.sqrt(ones * others) || 1);
}

/**
 * The mean hidden state of a condition, [channels]: prompts are drawn in any order, so that conditions are compared by
 * what all of their positions have in common. Positions of zeros (padding) do not count.
 */
export function meanState(condition: Float32Array, channels: number): Float32Array {
  const sums = new Float64Array(channels);
  let positions = 0;
  for (let start = 0; start < condition.length; start += channels) {
    const state = condition.subarray(start, start + channels);
    if (state.every((value) => value === 0)) continue;
    positions++;
    for (const [channel, value] of state.entries()) sums[channel]! += value;
  }
  return Float32Array.from(sums, (sum) => sum / Math.max(1, positions));
}
