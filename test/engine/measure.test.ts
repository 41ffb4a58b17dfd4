import { measureConvolution, measureGemm } from '../../src/engine/index.js';

const CONVOLUTION = {
  axis: 'height',
  tokens: 8,
  height: 10,
  width: 12,
  outputChannels: 6,
  kernelSize: 3,
  batch: 1,
  threads: 1,
} as const;

test('measurements are seconds', async () => {
  expect(await measureGemm(64)).toBeGreaterThan(0);
  expect(await measureConvolution(CONVOLUTION)).toBeGreaterThan(0);
});

test('a measurement can be stopped', async () => {
  const controller = new AbortController();
  const measured = measureGemm(4096, 1, { signal: controller.signal });
  controller.abort();
  await expect(measured).rejects.toBe(controller.signal.reason);
});

test.each([{ axis: 'depth' as 'width' }, { tokens: 0 }, { threads: -1 }, { kernelSize: 1.5 }])(
  'a convolution with %p is refused',
  async (change) => {
    await expect(measureConvolution({ ...CONVOLUTION, ...change })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  },
);

test('a product of nothing is refused', async () => {
  await expect(measureGemm(0)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});
