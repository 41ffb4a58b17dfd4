import { SplitMix64 } from '../random/split-mix.js';

/** A mean, and where 95 % of bootstrap means lie. */
export interface Interval {
  mean: number;
  low: number;
  high: number;
}

/** Values of one row: for each task one for each draw. */
export type ByTask = readonly (readonly number[])[];

const RESAMPLES = 2000;
const TAIL = 0.025;

/**
 * Percentile bootstrap of the mean over tasks: tasks are drawn with replacement, and for each a draw of its own, so that
 * both spreads are in the interval. The mean is over tasks of their means over draws.
 * @param seed of the resampling: the same numbers for the same seed
 */
export function bootstrap(values: ByTask, seed: number): Interval {
  const random = SplitMix64.seeded(seed);
  const means = Float64Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let drawn = 0; drawn < values.length; drawn++) {
      const draws = values[random.below(values.length)]!;
      sum += draws[draws.length === 1 ? 0 : random.below(draws.length)]!;
    }
    return sum / values.length;
  }).sort();
  const at = (share: number) => means[Math.min(RESAMPLES - 1, Math.floor(share * RESAMPLES))]!;
  return { mean: mean(values.map(mean)), low: at(TAIL), high: at(1 - TAIL) };
}

/**
 * The same for the difference of two rows on the same tasks: paired, since some tasks are harder than others for both.
 * A row with one draw is compared with every draw of the other.
 */
export function pairedDifference(values: ByTask, others: ByTask, seed: number): Interval {
  const differences = values.map((draws, task) => {
    const against = others[task]!;
    const count = Math.max(draws.length, against.length);
    return Array.from({ length: count }, (_, draw) => draws[draw % draws.length]! - against[draw % against.length]!);
  });
  return bootstrap(differences, seed);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
