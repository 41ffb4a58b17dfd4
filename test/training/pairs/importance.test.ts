import fc from 'fast-check';
import {
  importanceFromSums,
  meanImportance,
  TokenDeviations,
  tokenImportance,
} from '../../../src/training/pairs/importance.js';

/** By the definition: two passes over everything, in float64. */
function byDefinition(checkpoints: readonly Float32Array[], tokens: number): number[] {
  const elements = checkpoints[0]!.length / tokens;
  const deviations = Array.from(checkpoints[0]!, (_, i) => {
    const values = checkpoints.map((checkpoint) => checkpoint[i]!);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  });
  const valid = deviations.filter((value) => !Number.isNaN(value));
  const total = valid.reduce((a, b) => a + b, 0);
  return Array.from({ length: tokens }, (_, token) => {
    const own = deviations.slice(token * elements, (token + 1) * elements).filter((value) => !Number.isNaN(value));
    return (own.reduce((a, b) => a + b, 0) / own.length / total) * valid.length;
  });
}

test('it equals the definition for any tokens and any unused elements', async () => {
  const sizes = fc.record({
    tokens: fc.integer({ min: 1, max: 5 }),
    elements: fc.integer({ min: 2, max: 9 }),
    checkpoints: fc.integer({ min: 2, max: 6 }),
    seed: fc.infiniteStream(fc.float({ noNaN: true, min: -100, max: 100 })),
  });
  await fc.assert(
    fc.asyncProperty(sizes, async ({ tokens, elements, checkpoints, seed }) => {
      const all = Array.from({ length: checkpoints }, () =>
        Float32Array.from({ length: tokens * elements }, (_, i) => {
          const value = seed.next().value;
          // The last element of every token is nothing, the first always differs.
          return i % elements === elements - 1 && elements > 2 ? Number.NaN : value;
        }),
      );
      all[0]![0] = 200;
      const found = await tokenImportance(all, tokens);
      byDefinition(all, tokens).forEach((wanted, i) => {
        expect(Math.abs(found[i]! - wanted)).toBeLessThanOrEqual(1e-9 * Math.max(1, wanted));
      });
    }),
  );
});

test('small differences between large weights are not lost', async () => {
  // As float32, 1000 and its neighbour differ by 6e-5.
  const step = 2 ** -14;
  const all = [0, 1, 2].map((i) => Float32Array.of(1000 + i * step, 1000 + 2 * i * step));
  const found = await tokenImportance(all, 2);
  expect(found[0]).toBeCloseTo(2 / 3, 12);
  expect(found[1]).toBeCloseTo(4 / 3, 12);
});

test('where nothing differs it is all ones, and the sums say so', async () => {
  const values = Float32Array.of(0.1, 0.2, Number.NaN, 0.4);
  expect([...(await tokenImportance([values], 2))]).toEqual([1, 1]);
  expect([...(await tokenImportance([values, values, values], 2))]).toEqual([1, 1]);
  const deviations = new TokenDeviations(2, 2);
  await deviations.add(values);
  const sums = await deviations.sums();
  expect([...sums.counts]).toEqual([2, 1]);
  expect(importanceFromSums(sums)).toBeUndefined();
});

test('data sets count alike, however many checkpoints they have', () => {
  expect([...meanImportance([Float64Array.of(1, 3), Float64Array.of(2, 0)])]).toEqual([1.5, 1.5]);
});

test('checkpoints of another size, and none at all, are refused; an abort stops it', async () => {
  await expect(tokenImportance([new Float32Array(4), new Float32Array(6)], 2)).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringContaining('expected 2 weight tokens of 2, got 6'),
  });
  await expect(tokenImportance([], 2)).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
  const stopped = AbortSignal.abort('enough');
  await expect(tokenImportance([new Float32Array(4)], 2, stopped)).rejects.toBe('enough');
});
