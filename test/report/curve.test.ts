import fc from 'fast-check';
import { type Curve, mean, smooth, thin } from '../../src/report/curve.js';

const curve = (values: readonly number[]): Curve => ({ steps: values.map((_, i) => i + 1), values });
const curves = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { maxLength: 500 }).map(curve);

describe('thinning', () => {
  test('keeps the first, the last, the smallest and the largest value, at their steps and in order', () => {
    fc.assert(
      fc.property(curves, fc.integer({ min: 1, max: 40 }), (whole, buckets) => {
        const thinned = thin(whole, buckets);
        expect(thinned.values.length).toBeLessThanOrEqual(2 * buckets + 2);
        if (whole.values.length === 0) return;
        expect(thinned.steps[0]).toBe(1);
        expect(thinned.steps.at(-1)).toBe(whole.steps.at(-1));
        expect(Math.min(...thinned.values)).toBe(Math.min(...whole.values));
        expect(Math.max(...thinned.values)).toBe(Math.max(...whole.values));
        expect(thinned.steps).toEqual([...new Set(thinned.steps)].sort((a, b) => a - b));
        thinned.steps.forEach((step, i) => {
          expect(thinned.values[i]).toBe(whole.values[step - 1]);
        });
      }),
    );
  });

  test('keeps each spike of a long run', () => {
    const values = Array.from({ length: 100_000 }, (_, i) => (i % 20_000 === 777 ? 50 : 1));
    const { steps } = thin(curve(values), 300);
    for (const spike of [778, 20_778, 40_778, 60_778, 80_778]) expect(steps).toContain(spike);
    expect(steps.length).toBeLessThanOrEqual(602);
  });

  test('keeps a stretch without values as a gap', () => {
    const values = Array.from({ length: 1000 }, (_, i) => (i >= 400 && i < 600 ? Number.NaN : i));
    expect(thin(curve(values), 10).values.filter(Number.isNaN).length).toBeGreaterThanOrEqual(2);
  });
});

describe('smoothing', () => {
  test('leaves a straight line as it is: it does not lag behind', () => {
    const line = curve(Array.from({ length: 50 }, (_, i) => 3 - i / 10));
    smooth(line, 8).values.forEach((value, i) => {
      expect(value).toBeCloseTo(line.values[i]!, 10);
    });
  });

  test('takes the mean of the neighbours on either side, of those that are numbers', () => {
    expect(smooth(curve([0, 3, 9, Number.NaN, 1]), 1).values).toEqual([0, 4, 6, 5, 1]);
  });
});

test('a mean passes over what is no number, and is none where there is none', () => {
  expect(mean([1, Number.NaN, 3])).toBe(2);
  expect(mean([])).toBeNaN();
});
