import { breather, steadyProgress } from '../src/async.js';

function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

test('breathe lets timers and I/O run once the slice is over, and only then', async () => {
  const breathe = breather(2);
  let turned = false;
  setImmediate(() => {
    turned = true;
  });
  await breathe();
  expect(turned).toBe(false);
  spin(3);
  await breathe();
  expect(turned).toBe(true);
});

test('a loop that breathes leaves the event loop turning', async () => {
  const breathe = breather(2);
  let turns = 0;
  let handle = setImmediate(function turn() {
    turns++;
    handle = setImmediate(turn);
  });
  for (let i = 0; i < 20; i++) {
    spin(2);
    await breathe();
  }
  clearImmediate(handle);
  expect(turns).toBeGreaterThanOrEqual(10);
});

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
