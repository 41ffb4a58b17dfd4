import fc from 'fast-check';
import { selectPrompts } from '../../src/prompts/index.js';

const prompts = (count: number) => Array.from({ length: count }, (_, index) => `prompt ${index}`);
const count = fc.integer({ min: 1, max: 60 });
const seeds = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

describe('selecting prompts', () => {
  test('takes exactly as many as there are in their order, whatever the seed', () => {
    fc.assert(
      fc.property(count, seeds, (n, seed) => {
        const selection = selectPrompts(prompts(n), n, seed);
        expect(selection.prompts).toEqual(prompts(n));
        expect(selection).toMatchObject({ dropped: 0, repeated: 0 });
      }),
    );
  });

  test('takes different ones of too many, and says how many are left out', () => {
    fc.assert(
      fc.property(count, count, seeds, (n, more, seed) => {
        const selection = selectPrompts(prompts(n + more), n, seed);
        expect(new Set(selection.indices).size).toBe(n);
        expect(selection.prompts).toEqual(selection.indices.map((index) => `prompt ${index}`));
        expect(selection).toMatchObject({ dropped: more, repeated: 0 });
      }),
    );
  });

  test('takes all of too few once, in their order, and then some of them again', () => {
    fc.assert(
      fc.property(count, count, seeds, (n, more, seed) => {
        const selection = selectPrompts(prompts(n), n + more, seed);
        expect(selection.prompts.slice(0, n)).toEqual(prompts(n));
        expect(selection.prompts).toHaveLength(n + more);
        expect(selection.prompts).toEqual(selection.indices.map((index) => `prompt ${index}`));
        for (const index of selection.indices) expect(index >= 0 && index < n).toBe(true);
        expect(selection).toMatchObject({ dropped: 0, repeated: more });
      }),
    );
  });

  test('takes the same ones for the same seed, and others for another', () => {
    const select = (seed: number) => selectPrompts(prompts(1000), 128, seed).indices;
    expect(select(7)).toEqual(select(7));
    expect(select(7)).not.toEqual(select(8));
  });

  test('takes the same ones on every machine and in every release', () => {
    // Computed in Python from the definitions of SplitMix64, rejection sampling and the Fisher–Yates shuffle.
    expect(selectPrompts(prompts(10), 4, 0).indices).toEqual([5, 4, 2, 7]);
    expect(selectPrompts(prompts(3), 7, 0).indices).toEqual([0, 1, 2, 2, 0, 2, 2]);
  });

  test('leaves no prompt of too many without a chance', () => {
    const chosen = new Set<number>();
    for (let seed = 0; seed < 100; seed++) for (const i of selectPrompts(prompts(50), 5, seed).indices) chosen.add(i);
    expect(chosen.size).toBe(50);
  });

  test('refuses an empty prompt set', () => {
    expect(() => selectPrompts([], 4, 0)).toThrow(expect.objectContaining({ code: 'INVALID_PROMPTS' }));
  });

  test.each([0, -1, 1.5, Number.NaN])('refuses to select %p prompts', (wanted) => {
    expect(() => selectPrompts(['a'], wanted, 0)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test.each([-1, 0.5, 2 ** 53])('refuses the seed %p', (seed) => {
    expect(() => selectPrompts(['a'], 1, seed)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
