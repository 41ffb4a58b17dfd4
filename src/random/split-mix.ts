import { DndError } from '../errors.js';
import { quoteValue } from '../validation/index.js';

const { imul } = Math;
const TWO_32 = 2 ** 32;
const TWO_53 = 2 ** 53;

/** The high 32 bits of the 64-bit product of two unsigned 32-bit numbers; `imul` gives the low ones. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  return aHigh * bHigh + (middle >>> 16) + (((middle & 0xffff) + aLow * bHigh) >>> 16);
}

/**
 * The SplitMix64 generator: a 64-bit counter stepped by the golden ratio, each value mixed.
 * Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014), with the mixing
 * constants of variant 13 by David Stafford. Computed in halves of 32 bits: exact, and without a BigInt per step.
 */
export class SplitMix64 {
  #stateHigh: number;
  #stateLow: number;
  /** Bits 32–63 of the output that the last `step` made, unsigned. */
  high = 0;
  /** Bits 0–31 of the output that the last `step` made, unsigned. */
  low = 0;

  constructor(stateHigh: number, stateLow: number) {
    this.#stateHigh = stateHigh >>> 0;
    this.#stateLow = stateLow >>> 0;
  }

  /**
   * A generator whose state starts at `seed`.
   * @throws DndError INVALID_ARGUMENT unless `seed` is a whole number from 0 to 2⁵³ − 1
   */
  static seeded(seed: number): SplitMix64 {
    checkSeed(seed);
    return new SplitMix64(Math.floor(seed / TWO_32), seed % TWO_32);
  }

  /**
   * A generator derived from a seed for one purpose, such as sampling the tasks of step 7: every path of numbers has
   * its own stream, independent of draws from others.
   * @param path whole numbers from 0 to 2⁵³ − 1
   * @throws DndError INVALID_ARGUMENT for an invalid seed or number
   */
  static derived(seed: number, ...path: readonly number[]): SplitMix64 {
    let random = SplitMix64.seeded(seed);
    for (const place of path) {
      checkSeed(place);
      random.step();
      random = new SplitMix64(random.high ^ Math.floor(place / TWO_32), random.low ^ (place % TWO_32));
    }
    random.step();
    return new SplitMix64(random.high, random.low);
  }

  /** Makes the next 64-bit output, in `high` and `low`. */
  step(): void {
    const sum = this.#stateLow + 0x7f4a7c15;
    this.#stateLow = sum >>> 0;
    this.#stateHigh = (this.#stateHigh + 0x9e3779b9 + (sum >= TWO_32 ? 1 : 0)) >>> 0;
    this.high = this.#stateHigh;
    this.low = this.#stateLow;
    this.#xorShift(30);
    this.#multiply(0xbf58476d, 0x1ce4e5b9);
    this.#xorShift(27);
    this.#multiply(0x94d049bb, 0x133111eb);
    this.#xorShift(31);
  }

  /**
   * A whole number from 0 to `limit` − 1, uniformly distributed.
   * @param limit from 1 to 2⁵³ − 1
   * @throws DndError INVALID_ARGUMENT for an invalid limit
   */
  below(limit: number): number {
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new DndError('INVALID_ARGUMENT', `there is no random whole number below ${limit}`);
    }
    // Numbers above the last whole multiple of `limit` would favour the small remainders: they are drawn again.
    const end = TWO_53 - (TWO_53 % limit);
    for (;;) {
      this.step();
      const value = this.high * 2 ** 21 + (this.low >>> 11);
      if (value < end) return value % limit;
    }
  }

  /**
   * `count` different whole numbers below `limit`, in the order in which they were drawn (Fisher–Yates, kept sparse:
   * time and memory grow with `count`, not with `limit`).
   */
  sample(limit: number, count: number): number[] {
    const moved = new Map<number, number>();
    return Array.from({ length: count }, (_, drawn) => {
      const chosen = drawn + this.below(limit - drawn);
      const value = moved.get(chosen) ?? chosen;
      moved.set(chosen, moved.get(drawn) ?? drawn);
      return value;
    });
  }

  /** `count` whole numbers below `limit`: different ones while there are enough, then further draws. */
  draws(limit: number, count: number): number[] {
    const drawn = this.sample(limit, Math.min(limit, count));
    while (drawn.length < count) drawn.push(this.below(limit));
    return drawn;
  }

  #xorShift(bits: number): void {
    this.low = (this.low ^ ((this.low >>> bits) | (this.high << (32 - bits)))) >>> 0;
    this.high = (this.high ^ (this.high >>> bits)) >>> 0;
  }

  #multiply(high: number, low: number): void {
    const cross = imul(this.high, low) + imul(this.low, high);
    this.high = (multiplyHigh(this.low, low) + cross) >>> 0;
    this.low = imul(this.low, low) >>> 0;
  }
}

/** @throws DndError INVALID_ARGUMENT unless `seed` is a whole number from 0 to 2⁵³ − 1 */
export function checkSeed(seed: number): void {
  if (Number.isSafeInteger(seed) && seed >= 0) return;
  throw new DndError(
    'INVALID_ARGUMENT',
    `the seed must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}, not ${quoteValue(seed)}`,
  );
}
