import { relativeError } from './compare.js';

/** A reference tensor that was compared. */
export interface Comparison {
  /** The reference tensor's. */
  name: string;
  /**
   * ‖ours − reference‖ / ‖reference‖; Infinity (null in JSON) when shapes or NaN patterns differ. For a gradient that is
   * zero but for its rounding: ‖ours − reference‖ / ‖gradient of all parameters‖.
   */
  relativeError: number;
  tolerance: number;
  ok: boolean;
}

/** A reference tensor that could not be compared, which is no failure unless `strict`. */
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
