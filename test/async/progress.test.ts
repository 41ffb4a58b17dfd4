import { steadyProgress } from '../../src/async/index.js';

test('progress is passed on now and then, and always at the end', () => {
  const seen: number[] = [];
  const report = steadyProgress((fraction) => seen.push(fraction), 1000);
  for (let i = 1; i <= 100; i++) report(i / 100);
  expect(seen).toEqual([0.01, 1]);
  expect(() => steadyProgress(undefined)(0.5)).not.toThrow();
});
