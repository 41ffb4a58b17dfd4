import { measureConvolution, measureCopy, measureGemm } from '../../src/engine/index.js';

const CONVOLUTION = {
  axis: 'height',
  tokens: 20,
  height: 12,
  width: 24,
  outputChannels: 6,
  kernelSize: 3,
  batch: 1,
  threads: 1,
} as const;

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

test('measurements are the seconds of every run', async () => {
  const all = [
    await measureGemm(64, { runs: 3 }),
    await measureCopy(1e6, { runs: 3 }),
    (await measureConvolution({ ...CONVOLUTION, runs: 3 })).seconds,
  ];
  for (const seconds of all) {
    expect(seconds).toHaveLength(3);
    expect(Math.min(...seconds)).toBeGreaterThan(0);
  }
});

test('one run is made by default, and none beyond the time limit', async () => {
  expect(await measureGemm(64)).toHaveLength(1);
  expect(await measureGemm(64, { runs: 1000, enoughSeconds: 1e-9 })).toHaveLength(1);
});

test('a spectral convolution reports the parts of its time, its tiles and the work of its product', async () => {
  const { algorithm, parts, productFlop, tilePoints } = await measureConvolution({
    ...CONVOLUTION,
    algorithm: 'spectral',
    threads: 2,
  });
  expect(algorithm).toBe('spectral');
  expect(Object.keys(parts!)).toEqual(['forward', 'halve', 'columns', 'product', 'inverse']);
  expect(sum(Object.values(parts!))).toBeGreaterThan(0);
  // A complex product takes three multiply-adds for each pair of channels; real data has half the frequencies.
  const [i, j] = tilePoints!;
  const frequencies = (i * j) / 2 + 2;
  expect(productFlop! % (2 * 3 * frequencies * CONVOLUTION.height * CONVOLUTION.outputChannels)).toBe(0);
});

test('a direct convolution has none of them', async () => {
  expect(await measureConvolution({ ...CONVOLUTION, algorithm: 'direct' })).toMatchObject({
    algorithm: 'direct',
    parts: null,
    productFlop: null,
    tilePoints: null,
  });
});

test('a measurement can be stopped', async () => {
  const controller = new AbortController();
  const measured = measureGemm(4096, { threads: 1, signal: controller.signal });
  controller.abort();
  await expect(measured).rejects.toBe(controller.signal.reason);
});

test.each([
  { axis: 'depth' as 'width' },
  { tokens: 0 },
  { threads: -1 },
  { kernelSize: 1.5 },
  { kernelSize: 4 },
  { runs: 0 },
  { enoughSeconds: 0 },
  { algorithm: 'fastest' as 'auto' },
  { width: 2 ** 40 },
])('a convolution with %p is refused', async (change) => {
  await expect(measureConvolution({ ...CONVOLUTION, ...change })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('a product and a copy of nothing are refused', async () => {
  await expect(measureGemm(0)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await expect(measureCopy(0)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});
