import { learningRateAt, type Schedule } from '../../src/training/schedule.js';

/** Of the golden training run: 3 steps of warm-up, 30 in all. */
const GOLDEN = [
  0.001, 0.002, 0.0030000000000000005, 0.003, 0.0029898575366129145, 0.002959567305869736, 0.002909538931178863,
  0.0028404489604851183, 0.0027532317171194047, 0.002649066664678467, 0.002529362456803101, 0.0023957378875541792,
  0.0022500000000000003, 0.0020941196490587353, 0.0019302048490666356, 0.0017604722665003959, 0.0015872172433657138,
  0.0014127827566342863, 0.0012395277334996048, 0.0010697951509333647, 0.0009058803509412647, 0.0007500000000000003,
  0.000604262112445821, 0.0004706375431968998, 0.00035093333532153264, 0.0002467682828805956, 0.00015955103951488175,
  9.046106882113752e-5, 4.043269413026429e-5, 1.0142463387085465e-5,
];

const schedule: Schedule = { learningRate: 2e-3, warmupSteps: 4, steps: 104, schedule: 'cosine' };

test('warm-up grows in equal steps to the learning rate, which then falls as half a cosine to almost nothing', () => {
  expect([0, 1, 2, 3, 4].map((step) => learningRateAt(step, schedule))).toEqual([5e-4, 1e-3, 1.5e-3, 2e-3, 2e-3]);
  expect(learningRateAt(54, schedule)).toBeCloseTo(1e-3, 15);
  expect(learningRateAt(103, schedule)).toBeCloseTo(2e-3 * Math.sin(Math.PI / 200) ** 2, 15);
  expect(learningRateAt(104, schedule)).toBe(0);
  expect(learningRateAt(1000, schedule)).toBe(0);
});

test('without warm-up it starts at the full rate; a constant one stays there', () => {
  expect(learningRateAt(0, { ...schedule, warmupSteps: 0 })).toBe(2e-3);
  const constant = { ...schedule, schedule: 'constant' } as const;
  expect([0, 3, 4, 500].map((step) => learningRateAt(step, constant))).toEqual([5e-4, 2e-3, 2e-3, 2e-3]);
});

test('a run that ends with its warm-up has no cosine to divide by', () => {
  expect(learningRateAt(3, { ...schedule, steps: 4 })).toBe(2e-3);
});

test('what is no step is refused', () => {
  for (const step of [-1, 0.5, Number.NaN]) expect(() => learningRateAt(step, schedule)).toThrow('whole number');
});

test('agrees with the published training code', () => {
  const golden: Schedule = { learningRate: 3e-3, warmupSteps: 3, steps: 30, schedule: 'cosine' };
  const differences = GOLDEN.map((rate, step) => Math.abs(learningRateAt(step, golden) - rate) / rate);
  expect(Math.max(...differences)).toBeLessThan(1e-12);
});
