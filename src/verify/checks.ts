import { relativeError } from './compare.js';

/** The comparison of one reference tensor. */
export interface Comparison {
  /** Name of the reference tensor. */
  name: string;
  /**
   * ‖ours − reference‖ / ‖reference‖; Infinity (null in JSON) when shapes or NaN patterns differ. For a gradient that
   * is zero except for rounding: ‖ours − reference‖ / ‖gradient of all parameters‖.
   */
  relativeError: number;
  tolerance: number;
  ok: boolean;
}

/** A reference tensor that could not be compared, a failure only with `strict`. */
export interface Skipped {
  name: string;
  skipped: true;
  reason: string;
}

export type Check = Comparison | Skipped;

/** @param whole as of `relativeError` */
export function compare(
  name: string,
  ours: ArrayLike<number>,
  reference: ArrayLike<number>,
  tolerance: number,
  whole?: number,
): Comparison {
  const error = relativeError(ours, reference, whole);
  return { name, relativeError: error, tolerance, ok: error <= tolerance };
}

export function skip(name: string, reason: string): Skipped {
  return { name, skipped: true, reason };
}

export function isSkipped(check: Check): check is Skipped {
  return 'skipped' in check;
}
