import { bootstrap, pairedDifference, pairedShare } from '../../src/evaluation/intervals.js';

test('the interval of tasks that agree has no width', () => {
  expect(bootstrap([[0.5], [0.5, 0.5], [0.5]], 1)).toEqual({ mean: 0.5, low: 0.5, high: 0.5 });
});

test('the mean is over tasks, whatever their number of draws', () => {
  expect(bootstrap([[1], [0, 0, 0]], 1).mean).toBe(0.5);
});

test('an interval has about the width that the normal approximation gives', () => {
  // 100 tasks, half right: standard error 0.05, 95 % within 0.098 of the mean.
  const { mean, low, high } = bootstrap(
    Array.from({ length: 100 }, (_, task) => [task % 2]),
    3,
  );
  expect(mean).toBe(0.5);
  expect(0.5 - low).toBeGreaterThan(0.08);
  expect(0.5 - low).toBeLessThan(0.12);
  expect(high - 0.5).toBeCloseTo(0.5 - low, 1);
});

test('the spread of draws is in the interval', () => {
  const tasks = Array.from({ length: 4 }, () => [0, 1]);
  const { low, high } = bootstrap(tasks, 5);
  expect(low).toBeLessThan(0.3);
  expect(high).toBeGreaterThan(0.7);
});

test('the same seed gives the same interval, another seed another', () => {
  const values = Array.from({ length: 20 }, (_, task) => [Math.sin(task)]);
  expect(bootstrap(values, 7)).toEqual(bootstrap(values, 7));
  expect(bootstrap(values, 7)).not.toEqual(bootstrap(values, 8));
});

test('differences are paired by task, so that hard tasks do not hide them', () => {
  const hard = Array.from({ length: 20 }, (_, task) => task / 20);
  const { mean, low, high } = pairedDifference(
    hard.map((value) => [value + 0.02, value + 0.04]),
    hard.map((value) => [value]),
    1,
  );
  expect(mean).toBeCloseTo(0.03);
  expect(low).toBeGreaterThan(0.02);
  expect(high).toBeLessThan(0.04);
});

test('the share of a whole is that of the means, with the draws of all three paired', () => {
  const tasks = Array.from({ length: 30 }, (_, task) => task / 60);
  const values = tasks.map((value) => [value + 0.3, value + 0.4]);
  const own = tasks.map((value) => [value + 0.5]);
  const joint = tasks.map((value) => [value]);
  const { mean, low, high } = pairedShare(values, joint, own, 1)!;
  expect(mean).toBeCloseTo(0.7);
  expect(low).toBeGreaterThan(0.62);
  expect(low).toBeLessThan(0.7);
  expect(high).toBeGreaterThan(0.7);
  expect(high).toBeLessThan(0.78);
  expect(pairedShare(joint, joint, own, 1)).toEqual({ mean: 0, low: 0, high: 0 });
});

test('there is no share of nothing', () => {
  const equal = [[0.5], [0.6], [0.7]];
  expect(pairedShare(equal, equal, equal, 1)).toBeUndefined();
  // Above on the whole, but not in every resample.
  expect(pairedShare(equal, equal, [[0.9], [0.6], [0.6]], 1)).toBeUndefined();
});
