/** Numbers in any kind of array. */
type Numbers = ArrayLike<number>;

/**
 * ‖ours − reference‖ / ‖reference‖ over the whole tensor, in double precision. NaN means "no element here": it must be
 * NaN on both sides, and is left out. Infinity when lengths or NaN patterns differ, or the reference is zero and ours
 * is not.
 */
export function relativeError(ours: Numbers, reference: Numbers): number {
  if (ours.length !== reference.length) return Infinity;
  let difference = 0;
  let norm = 0;
  for (let index = 0; index < reference.length; index++) {
    const right = reference[index]!;
    const own = ours[index]!;
    if (Number.isNaN(right) || Number.isNaN(own)) {
      if (Number.isNaN(right) && Number.isNaN(own)) continue;
      return Infinity;
    }
    difference += (own - right) ** 2;
    norm += right * right;
  }
  if (difference === 0) return 0;
  return norm === 0 || !Number.isFinite(difference) ? Infinity : Math.sqrt(difference / norm);
}

/** Population standard deviation. */
export function standardDeviation(values: Numbers): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]!;
  const mean = sum / values.length;
  let squares = 0;
  for (let index = 0; index < values.length; index++) squares += (values[index]! - mean) ** 2;
  return Math.sqrt(squares / values.length);
}
