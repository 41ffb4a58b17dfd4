/** Numbers in any kind of array. */
type Numbers = ArrayLike<number>;

/** References are computed in float64: below this fraction of the whole, they are only rounding error. */
const ROUNDING = 1e-12;

/**
 * ‖ours − reference‖ / ‖reference‖ over the whole tensor, in double precision. NaN means "no element here": it must be
 * NaN on both sides, and is excluded. Infinity when lengths or NaN patterns differ, or the reference is zero and ours
 * is not.
 *
 * @param whole norm of the whole that the tensor is a part of, if known: a reference that is only rounding error
 * relative to it counts as zero, and the difference is then relative to the whole
 */
export function relativeError(ours: Numbers, reference: Numbers, whole = 0): number {
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
  const scale = Math.sqrt(norm) < ROUNDING * whole ? whole : Math.sqrt(norm);
  return scale === 0 || !Number.isFinite(difference) ? Infinity : Math.sqrt(difference) / scale;
}

/** Euclidean norm over several tensors. */
export function normOf(tensors: Iterable<Numbers>): number {
  let squares = 0;
  for (const values of tensors) for (let index = 0; index < values.length; index++) squares += values[index]! ** 2;
  return Math.sqrt(squares);
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
