import fc from 'fast-check';
import { checkSeed, SplitMix64 } from '../../src/random/split-mix.js';

const MASK = 2n ** 64n - 1n;

/** The definition, in exact 64-bit arithmetic. */
function reference(state: bigint, count: number): bigint[] {
  return Array.from({ length: count }, () => {
    state = (state + 0x9e3779b97f4a7c15n) & MASK;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return z ^ (z >> 31n);
  });
}

function outputs(random: SplitMix64, count: number): bigint[] {
  return Array.from({ length: count }, () => {
    random.step();
    return (BigInt(random.high) << 32n) | BigInt(random.low);
  });
}

const seeds = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

describe('SplitMix64', () => {
  test('gives the published stream of seed 1234567', () => {
    expect(outputs(SplitMix64.seeded(1234567), 5)).toEqual([
      6457827717110365317n,
      3203168211198807973n,
      9817491932198370423n,
      4593380528125082431n,
      16408922859458223821n,
    ]);
  });

  test('is exact in 64 bits from any state', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: MASK }), (state) => {
        const random = new SplitMix64(Number(state >> 32n), Number(state & 0xffffffffn));
        expect(outputs(random, 8)).toEqual(reference(state, 8));
      }),
      { numRuns: 500 },
    );
  });

  test('starts at the whole seed, also above 32 bits', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(outputs(SplitMix64.seeded(seed), 2)).toEqual(reference(BigInt(seed), 2));
      }),
    );
  });

  test.each([0, -1, 0.5, Number.NaN, 2 ** 53])('draws nothing below %d', (limit) => {
    expect(() => SplitMix64.seeded(1).below(limit)).toThrow('no random whole number');
  });

  test('draws whole numbers below the limit, however large', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (seed, limit) => {
        const value = SplitMix64.seeded(seed).below(limit);
        expect(Number.isSafeInteger(value) && value >= 0 && value < limit).toBe(true);
      }),
    );
  });

  test('draws every number about equally often', () => {
    const random = SplitMix64.seeded(5);
    const counts = new Array(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[random.below(10)]++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });

  test('does not favour small numbers where the limit hardly divides the range', () => {
    // With a limit of two thirds of 2⁵³, remainders without rejection would fall below its half in 2 of 3 draws.
    const limit = Math.floor((2 ** 53 * 2) / 3);
    const random = SplitMix64.seeded(1);
    let small = 0;
    for (let i = 0; i < 10_000; i++) if (random.below(limit) < limit / 2) small++;
    expect(Math.abs(small - 5_000)).toBeLessThan(250);
  });

  test('samples distinct numbers below the limit, up to all of them', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 200 }), (seed, a, b) => {
        const [count, limit] = a < b ? [a, b] : [b, a];
        const sample = SplitMix64.seeded(seed).sample(limit, count);
        expect(sample).toHaveLength(count);
        expect(new Set(sample).size).toBe(count);
        for (const value of sample) expect(value >= 0 && value < limit).toBe(true);
      }),
    );
  });

  test('samples every number about equally often, in every place', () => {
    const random = SplitMix64.seeded(9);
    const first = new Array(6).fill(0);
    const chosen = new Array(6).fill(0);
    for (let i = 0; i < 30_000; i++) {
      const sample = random.sample(6, 3);
      first[sample[0]!]++;
      for (const value of sample) chosen[value]++;
    }
    for (const count of first) expect(Math.abs(count - 5_000)).toBeLessThan(300);
    for (const count of chosen) expect(Math.abs(count - 15_000)).toBeLessThan(400);
  });

  test('samples from a huge range without walking through it', () => {
    const sample = SplitMix64.seeded(3).sample(2 ** 50, 100);
    expect(new Set(sample).size).toBe(100);
  });
});

test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('the seed %p is refused', (seed) => {
  expect(() => checkSeed(seed)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});

describe('derived generators', () => {
  const first = (seed: number, ...path: number[]) => outputs(SplitMix64.derived(seed, ...path), 1)[0];

  test('are the same for the same seed and path, and differ for any other', () => {
    const path = fc.array(seeds, { maxLength: 3 });
    fc.assert(
      fc.property(seeds, path, seeds, path, (seed, places, otherSeed, otherPlaces) => {
        const same = seed === otherSeed && JSON.stringify(places) === JSON.stringify(otherPlaces);
        return (first(seed, ...places) === first(otherSeed, ...otherPlaces)) === same;
      }),
    );
  });

  test('of neighbouring steps do not resemble each other', () => {
    const draws = Array.from({ length: 4000 }, (_, step) => SplitMix64.derived(7, 1, step).below(4));
    const pairs = new Map<string, number>();
    for (const [step, draw] of draws.entries()) {
      const key = `${draw}${draws[step + 1]}`;
      pairs.set(key, (pairs.get(key) ?? 0) + 1);
    }
    // 250 expected of each of the 16 pairs, with a standard deviation of 15.
    for (const a of [0, 1, 2, 3])
      for (const b of [0, 1, 2, 3]) expect(Math.abs(pairs.get(`${a}${b}`)! - 250)).toBeLessThan(80);
  });

  test('refuse what is no whole number', () => {
    expect(() => SplitMix64.derived(1, 0.5)).toThrow('whole number');
  });
});
