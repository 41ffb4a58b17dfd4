import { planDecoder } from '../../src/engine/index.js';
import { measureConvolutions } from '../../src/plan/measure.js';

const { convolutions, workspaceBytes } = planDecoder({
  features: [
    [4, 6, 8],
    [5, 7, 9],
    [4, 6, 8],
  ],
  kernelSize: 3,
  batch: 2,
});
const options = { threads: 1, workspaceBytes };

test('every plan has its times, in the order of the plans: the median among the runs', async () => {
  const measured = await measureConvolutions(convolutions, options);
  expect(measured).toHaveLength(convolutions.length);
  for (const { seconds, runs } of measured) {
    const sorted = runs.toSorted((a, b) => a - b);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeGreaterThanOrEqual(sorted[0]!);
    expect(seconds).toBeLessThanOrEqual(sorted.at(-1)!);
  }
});

test('what is measured is what was planned, whatever the axis, algorithm and workspace', async () => {
  for (const algorithm of ['direct', 'spectral'] as const) {
    const plans = convolutions.map((plan) => ({ ...plan, algorithm }));
    const measured = await measureConvolutions(plans, options);
    expect(measured.map(({ parts }) => parts !== null)).toEqual(plans.map(() => algorithm === 'spectral'));
  }
});

test('the fraction done grows from 0 to 1', async () => {
  const fractions: number[] = [];
  await measureConvolutions(convolutions, { ...options, onProgress: (fraction) => fractions.push(fraction) });
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
  expect(fractions[0]).toBe(0);
  expect(fractions.at(-1)).toBeCloseTo(1, 12);
});

test('a signal stops it during the work: no further convolution is started', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const fractions: number[] = [];
  const onProgress = (fraction: number) => {
    fractions.push(fraction);
    if (fraction > 0) controller.abort(reason);
  };
  // Each takes longer than the time between two reports.
  const slow = planDecoder({
    features: [
      [64, 96, 96],
      [64, 100, 110],
      [64, 110, 120],
    ],
    kernelSize: 9,
    batch: 1,
    algorithm: 'direct',
  }).convolutions;
  const measured = measureConvolutions(slow, { ...options, signal: controller.signal, onProgress });
  await expect(measured).rejects.toBe(reason);
  expect(fractions).toHaveLength(2);
  expect(fractions[1]).toBeLessThan(1);
});

test('what does not fit into memory is refused by name before it is started', async () => {
  const large = planDecoder({
    features: [
      [1, 2 ** 17, 2 ** 17],
      [1, 2 ** 17, 2 ** 17],
    ],
    kernelSize: 15,
    algorithm: 'direct',
  });
  const measured = measureConvolutions(large.convolutions, options);
  await expect(measured).rejects.toThrow(
    /^measuring 0\.linear1\.conv1w: needs more memory .* got 15\.\d TB\. .*lower the batch$/,
  );
  await expect(measured).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
});
