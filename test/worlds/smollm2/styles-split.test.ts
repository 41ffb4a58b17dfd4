import fc from 'fast-check';
import { SplitMix64 } from '../../../src/random/split-mix.js';

const { makeSplit } = require('../../../worlds/smollm2/styles/split.cjs');

type Places = [number, number, number];

const seeds = fc.integer({ min: 0, max: 2 ** 32 });
const counts: fc.Arbitrary<Places> = fc.tuple(
  fc.integer({ min: 2, max: 30 }),
  fc.constantFrom(3, 6, 8),
  fc.constantFrom(3, 6),
);
const range = (count: number) => Array.from({ length: count }, (_, place) => place);
const combinations = ([a, b, c]: Places): Places[] =>
  range(a).flatMap((one) => range(b).flatMap((two) => range(c).map((three): Places => [one, two, three])));

/** Trained on and held out, with what is unseen of the latter. */
function divide(kind: string, seed: number, sizes: Places) {
  const unseen = makeSplit(SplitMix64.seeded(seed), kind, sizes);
  const all = combinations(sizes).map((places) => ({ places, by: unseen(...places) as string | null }));
  return { train: all.filter(({ by }) => by === null), heldOut: all.filter(({ by }) => by !== null) };
}
const pairs = (tasks: { places: Places }[], one: number, two: number) =>
  new Set(tasks.map(({ places }) => `${places[one]} ${places[two]}`));

describe('the split by combinations', () => {
  test('holds out a third, whose every pair of attributes is trained on', () => {
    fc.assert(
      fc.property(seeds, counts, (seed, sizes) => {
        const { train, heldOut } = divide('combinations', seed, sizes);
        expect(heldOut.length).toBe((sizes[0] * sizes[1] * sizes[2]) / 3);
        expect(new Set(heldOut.map(({ by }) => by))).toEqual(new Set(['combination']));
        expect(pairs(train, 0, 1).size).toBe(sizes[0] * sizes[1]);
        expect(pairs(train, 0, 2).size).toBe(sizes[0] * sizes[2]);
        expect(pairs(train, 1, 2).size).toBe(sizes[1] * sizes[2]);
      }),
    );
  });

  test('is another one for another seed', () => {
    const names = [1, 2, 3, 4].map((seed) => JSON.stringify(divide('combinations', seed, [16, 8, 6]).heldOut));
    expect(new Set(names).size).toBeGreaterThan(1);
  });
});

describe('the split by pairs', () => {
  test('never trains on a held-out pair of format and closing, nor on the unseen domain', () => {
    fc.assert(
      fc.property(seeds, counts, (seed, sizes) => {
        const { train, heldOut } = divide('pairs', seed, sizes);
        const trained = pairs(train, 1, 2);
        const domains = new Set(train.map(({ places }) => places[0]));
        expect(domains.size).toBe(sizes[0] - 1);
        expect(trained.size).toBe(sizes[1] * (sizes[2] - 1));
        for (const { places, by } of heldOut) {
          const pair = trained.has(`${places[1]} ${places[2]}`) ? [] : ['pair'];
          const domain = domains.has(places[0]) ? [] : ['domain'];
          expect(by).toBe([...pair, ...domain].join(' and '));
        }
      }),
    );
  });

  test('trains on every format and every closing in every other domain', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const { train } = divide('pairs', seed, [16, 8, 6]);
        expect([pairs(train, 0, 1).size, pairs(train, 0, 2).size]).toEqual([15 * 8, 15 * 6]);
      }),
    );
  });
});
