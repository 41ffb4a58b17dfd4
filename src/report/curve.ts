/** Values over steps; NaN for missing ones. */
export interface Curve {
  steps: readonly number[];
  values: readonly number[];
}

export function curveOf<T>(items: readonly T[], stepOf: (item: T) => number, read: (item: T) => number): Curve {
  return { steps: items.map(stepOf), values: items.map(read) };
}

/** The mean of the finite values; NaN if there are none. */
export function mean(values: readonly number[]): number {
  const finite = values.filter(Number.isFinite);
  return finite.reduce((sum, value) => sum + value, 0) / finite.length;
}

/**
 * The mean over each value and `reach` values on either side, fewer near the ends, symmetrically, so that it does not
 * lag. Non-finite values are excluded.
 */
export function smooth({ steps, values }: Curve, reach: number): Curve {
  const sums = [0];
  const counts = [0];
  for (const value of values) {
    const finite = Number.isFinite(value);
    sums.push(sums.at(-1)! + (finite ? value : 0));
    counts.push(counts.at(-1)! + (finite ? 1 : 0));
  }
  const means = values.map((_, i) => {
    const own = Math.min(reach, i, values.length - 1 - i);
    return (sums[i + own + 1]! - sums[i - own]!) / (counts[i + own + 1]! - counts[i - own]!);
  });
  return { steps, values: means };
}

/**
 * At most 2·`buckets` + 2 points of a curve: the first and the last, and of each of `buckets` equal stretches the
 * smallest and the largest, so that a drawing `buckets` pixels wide looks the same. Stretches without finite values,
 * and non-finite ends, stay gaps.
 */
export function thin(curve: Curve, buckets: number): Curve {
  const { steps, values } = curve;
  if (values.length <= 2 * buckets + 2) return curve;
  const kept = new Set([0, values.length - 1]);
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = Math.floor((bucket * values.length) / buckets);
    const to = Math.floor(((bucket + 1) * values.length) / buckets);
    for (const i of extremes(values, from, to)) kept.add(i);
  }
  const indices = [...kept].sort((a, b) => a - b);
  return { steps: indices.map((i) => steps[i]!), values: indices.map((i) => values[i]!) };
}

function extremes(values: readonly number[], from: number, to: number): number[] {
  let lowest = -1;
  let highest = -1;
  for (let i = from; i < to; i++) {
    if (!Number.isFinite(values[i])) continue;
    if (lowest < 0 || values[i]! < values[lowest]!) lowest = i;
    if (highest < 0 || values[i]! > values[highest]!) highest = i;
  }
  return lowest < 0 ? [from] : [lowest, highest];
}
