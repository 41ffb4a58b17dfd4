import fc from 'fast-check';
import { normOf, relativeError, standardDeviation } from '../../src/verify/compare.js';
import { roundTripTolerance } from '../../src/verify/tolerances.js';

const { NaN: nan } = Number;

test('the relative error is the length of the difference over the length of the reference', () => {
  expect(relativeError([3, 4.5], [3, 4])).toBeCloseTo(0.5 / 5, 15);
  expect(relativeError([1, 2], [1, 2])).toBe(0);
});

test.each([
  ['an element too few', [1], [1, 2]],
  ['NaN where there is an element', [1, nan], [1, 2]],
  ['an element where there is none', [1, 2], [1, nan]],
  ['infinity', [1, Infinity], [1, 2]],
  ['anything where all should be zero', [0, 1e-30], [0, 0]],
])('%s is infinitely wrong', (_what, ours, reference) => {
  expect(relativeError(ours, reference)).toBe(Infinity);
});

test('elements that are missing on both sides are left out', () => {
  expect(relativeError([nan, 5, nan], [nan, 4, nan])).toBe(0.25);
  expect(relativeError([nan, nan], [nan, nan])).toBe(0);
});

test('a reference that is only rounding error relative to the whole counts as zero', () => {
  expect(relativeError([0, 0], [3e-17, 4e-17], 2)).toBeCloseTo(2.5e-17, 25);
  expect(relativeError([0, 0], [0, 0], 2)).toBe(0);
  expect(relativeError([0, 1e-3], [0, 0], 2)).toBe(5e-4);
  expect(relativeError([0, 0], [3e-11, 4e-11], 2)).toBe(1);
  expect(relativeError([0, nan], [3e-17, 4e-17], 2)).toBe(Infinity);
});

test('the norm of several tensors is that of all their elements', () => {
  expect(normOf([[1, 2], [2], []])).toBe(3);
});

test('scaling both sides changes nothing', () => {
  const values = fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(values, fc.constantFrom(2, 1024, 2 ** -20), (reference, scale) => {
      const ours = reference.map((value) => value * 1.25);
      const scaled = relativeError(
        ours.map((value) => value * scale),
        reference.map((value) => value * scale),
      );
      expect(scaled).toBe(relativeError(ours, reference));
    }),
  );
});

test('small weights come back less exactly, and constant ones exactly', () => {
  expect(standardDeviation([1, 3, 1, 3])).toBe(1);
  expect(roundTripTolerance(0.2)).toBe(1e-6);
  expect(roundTripTolerance(0.04)).toBe(1e-6);
  expect(roundTripTolerance(0.001)).toBeCloseTo(4e-5, 15);
  expect(roundTripTolerance(0)).toBe(1e-6);
});
