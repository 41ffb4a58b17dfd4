import { SplitMix64 } from '../random/split-mix.js';

/** A mean, and where 95 % of bootstrap means lie. */
export interface Interval {
  /** The mean, or the share. */
  mean: number;
  /** The 2.5 % quantile of the bootstrap. */
  low: number;
  /** The 97.5 % quantile of the bootstrap. */
  high: number;
}

/** Values of one row: for each task one for each draw. */
export type ByTask = readonly (readonly number[])[];

export const RESAMPLES = 2000;
const TAIL = 0.025;

/**
 * Percentile bootstrap of the mean over tasks: tasks are drawn with replacement, and for each a draw of its own, so that
 * both spreads are in the interval. The mean is over tasks of their means over draws.
 * @param seed of the resampling: the same numbers for the same seed
 */
export function bootstrap(values: ByTask, seed: number): Interval {
  const random = SplitMix64.seeded(seed);
  const means = Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let drawn = 0; drawn < values.length; drawn++) {
      const draws = values[random.below(values.length)]!;
      sum += draws[draws.length === 1 ? 0 : random.below(draws.length)]!;
    }
    return sum / values.length;
  });
  return { mean: mean(values.map(mean)), ...middleOf(means) };
}

/** Where all but 2.5 % at each end of bootstrap statistics lie. */
export function middleOf(statistics: readonly number[]): Pick<Interval, 'low' | 'high'> {
  const sorted = Float64Array.from(statistics).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { low: at(TAIL), high: at(1 - TAIL) };
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

/** (part − from) / (whole − from); undefined where `whole` is not above `from`. */
export function shareReached(part: number, from: number, whole: number): number | undefined {
  return whole > from ? (part - from) / (whole - from) : undefined;
}

/**
 * The share of what one row adds to another that a third adds: (values − from) / (whole − from), of means over tasks. All
 * three are resampled together.
 * @returns undefined where `whole` is not above `from`, in the tasks as they are or in any resample of them: a share of
 * nothing is no number
 */
export function pairedShare(values: ByTask, from: ByTask, whole: ByTask, seed: number): Interval | undefined {
  const random = SplitMix64.seeded(seed);
  const share = (tasks: readonly (readonly [number, number, number])[]) => {
    const [part, none, all] = [0, 1, 2].map((row) => mean(tasks.map((task) => task[row]!)));
    return shareReached(part!, none!, all!);
  };
  const means = share(values.map((draws, task) => [mean(draws), mean(from[task]!), mean(whole[task]!)]));
  const shares = Array.from({ length: RESAMPLES }, () =>
    share(
      values.map(() => {
        const task = random.below(values.length);
        const draw = random.below(values[task]!.length);
        const of = (row: ByTask) => row[task]![draw % row[task]!.length]!;
        return [of(values), of(from), of(whole)];
      }),
    ),
  );
  if (means === undefined || shares.includes(undefined)) return undefined;
  return { mean: means, ...middleOf(shares as number[]) };
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
