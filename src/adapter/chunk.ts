const SMALLEST = 64;
const LARGEST = 512;
const STEP = 32;

export function roundUpToEven(size: number): number {
  return size + (size % 2);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * The default number of matrix columns in one weight token: the largest divisor between 64 and 512 of the greatest
 * common divisor of all widths. If there is none, the multiple of 32 between 64 and 512 that pads least, the larger on
 * a tie; if all widths are below 64, the largest of them, rounded up to even.
 * @param widths the length of the long axis of every matrix A and B in one layer, as often as it occurs
 */
export function defaultChunk(widths: readonly number[]): number {
  const widest = Math.max(...widths);
  if (widest < SMALLEST) return roundUpToEven(widest);
  const divisor = widths.reduce(greatestCommonDivisor);
  for (let chunk = LARGEST; chunk >= SMALLEST; chunk--) if (divisor % chunk === 0) return chunk;
  let best = LARGEST;
  let least = Number.POSITIVE_INFINITY;
  for (let chunk = LARGEST; chunk >= SMALLEST; chunk -= STEP) {
    const padding = widths.reduce((sum, width) => sum + Math.ceil(width / chunk) * chunk - width, 0);
    if (padding < least) {
      least = padding;
      best = chunk;
    }
  }
  return best;
}
