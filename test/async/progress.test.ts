import { steadyProgress } from '../../src/async/index.js';

test('progress is passed on now and then, and always at the end', () => {
  const seen: number[] = [];
  const report = steadyProgress((fraction) => seen.push(fraction), 1000);
  for (let i = 1; i <= 100; i++) report(i / 100);
  expect(seen).toEqual([0.01, 1]);
  expect(() => steadyProgress(undefined)(0.5)).not.toThrow();
});

test('of each stage the first report is passed on', () => {
  const seen: [number, string][] = [];
  const report = steadyProgress((fraction, stage: string) => seen.push([fraction, stage]), 1000);
  for (let i = 1; i <= 100; i++) report(i / 100, i % 2 === 0 ? 'even' : 'odd');
  expect(seen).toEqual([
    [0.01, 'odd'],
    [0.02, 'even'],
    [1, 'even'],
  ]);
});

test('what recurs has no last report', () => {
  const seen: number[] = [];
  const report = steadyProgress((fraction) => seen.push(fraction), 1000, Infinity);
  for (let i = 1; i <= 100; i++) report(1);
  expect(seen).toEqual([1]);
});
