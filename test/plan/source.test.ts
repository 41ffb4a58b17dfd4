import { decoderToPlan, type PlanSource } from '../../src/plan/source.js';

test('a preset is planned as it was published', async () => {
  expect(await decoderToPlan({ preset: 'qwen2.5-1.5b-math' })).toMatchObject({
    generator: null,
    preset: 'qwen2.5-1.5b-math',
    decoder: { kernelSize: 11, projectedFrom: 4608 },
  });
});

test('features have no length projection', async () => {
  const features = [
    [1, 2, 3],
    [4, 5, 6],
  ] as const;
  expect(await decoderToPlan({ features, kernelSize: 3 })).toEqual({
    generator: null,
    preset: null,
    decoder: { features, kernelSize: 3, projectedFrom: 0 },
  });
});

test.each<[string, PlanSource]>([
  ['nothing', {}],
  ['two sources', { generator: 'somewhere', preset: 'qwen2.5-7b-math' }],
  ['a generator with another kernel size', { generator: 'somewhere', kernelSize: 3 }],
  ['an unknown preset', { preset: 'qwen3-8b' as 'qwen2.5-7b-math' }],
])('%s cannot be planned', async (_what, source) => {
  await expect(decoderToPlan(source)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('qwen2.5-7b-math'),
  });
});
