import fc from 'fast-check';
import { firstNonFinite } from '../../src/formats/non-finite.js';

test('the first value that is not finite is found, wherever it is', () => {
  const odd = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
  const value = fc.oneof(
    { weight: 9, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }) },
    { weight: 1, arbitrary: odd },
  );
  fc.assert(
    fc.property(fc.array(value), (values) => {
      for (const array of [Float32Array.from(values), Float64Array.from(values)])
        expect(firstNonFinite(array)).toBe(values.findIndex((each) => !Number.isFinite(each)));
    }),
  );
});

test('the largest values are finite', () => {
  expect(firstNonFinite(new Float32Array(101).fill(3.4e38))).toBe(-1);
  expect(firstNonFinite(Float64Array.of(-Number.MAX_VALUE, Number.MAX_VALUE, Number.MIN_VALUE))).toBe(-1);
});
