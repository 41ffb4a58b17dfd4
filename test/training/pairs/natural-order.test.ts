import fc from 'fast-check';
import { compareNaturally } from '../../../src/training/pairs/natural-order.js';

test('numbers in names count as numbers', () => {
  const ordered = [
    '1',
    '9',
    '10',
    'checkpoint-2',
    'checkpoint-2-final',
    'checkpoint-10',
    'checkpoint-100',
    'epoch1-step20',
    'epoch1-step100',
    'epoch2-step3',
    'step',
    'step0',
    'step00',
    'step1',
    'step123456789012345678901234567890',
    'step123456789012345678901234567891',
  ];
  expect([...ordered].reverse().sort(compareNaturally)).toEqual(ordered);
});

const name = fc.oneof(
  fc.string({ unit: fc.constantFrom('0', '1', '9', '10', '-', 'a', 'step', '.', 'é'), maxLength: 6 }),
  fc.string({ unit: 'binary', maxLength: 5 }),
);

test('it is a total order', () => {
  fc.assert(
    fc.property(name, name, name, (a, b, c) => {
      expect(compareNaturally(a, b) === 0).toBe(a === b);
      expect(Math.sign(compareNaturally(a, b))).toBe(-Math.sign(compareNaturally(b, a)) + 0);
      if (compareNaturally(a, b) <= 0 && compareNaturally(b, c) <= 0)
        expect(compareNaturally(a, c)).toBeLessThanOrEqual(0);
    }),
    { numRuns: 3000 },
  );
});

test('any numbers with any text around them are ordered as numbers', () => {
  const text = fc.string({ unit: 'grapheme-ascii', maxLength: 8 }).filter((s) => !/\d/.test(s));
  fc.assert(
    fc.property(text, text, fc.maxSafeNat(), fc.maxSafeNat(), (before, after, one, other) => {
      const order = compareNaturally(`${before}${one}${after}`, `${before}${other}${after}`);
      expect(Math.sign(order)).toBe(Math.sign(one - other));
    }),
  );
});
