import { type Feature, INSTRUCTION_SETS, planDecoder, planTraining } from '../../src/engine/index.js';
import { PRESETS } from '../../src/generator/presets.js';

const FEATURES: Feature[] = [
  [64, 96, 128],
  [128, 50, 100],
  [256, 25, 100],
  [512, 10, 130],
];
const OPTIONS = { features: FEATURES, kernelSize: 9, batch: 8, instructionSet: 'avx2' } as const;

test('each convolution comes forward, and with both its gradients, as much work each', () => {
  const { convolutions, directMultiplyAdds } = planTraining(OPTIONS);
  const { directFlop } = planDecoder(OPTIONS);
  expect(convolutions).toHaveLength(3 * 5 * 3);
  for (const pass of ['forward', 'input gradient', 'weight gradient'] as const) {
    const those = convolutions.filter((convolution) => convolution.pass === pass);
    expect(those.map(({ layer, name }) => `${layer} ${name}`).sort()).toEqual(
      planDecoder(OPTIONS)
        .convolutions.map(({ layer, weight }) => `${layer} ${weight}`)
        .sort(),
    );
    const work = those.reduce((sum, { directMultiplyAdds }) => sum + directMultiplyAdds, 0);
    expect(work / (directFlop / 2)).toBeCloseTo(1, 6);
  }
  expect(directMultiplyAdds / (directFlop / 2)).toBeCloseTo(3, 6);
});

test('seconds are those of the convolutions together, and the spectral algorithm saves work', () => {
  const plan = planTraining(OPTIONS);
  const seconds = plan.convolutions.reduce((sum, convolution) => sum + convolution.seconds, 0);
  expect(plan.seconds / seconds).toBeCloseTo(1, 9);
  expect(plan.executedMultiplyAdds).toBeLessThan(plan.directMultiplyAdds / 2);
  expect(planTraining({ ...OPTIONS, algorithm: 'direct' }).seconds).toBeGreaterThan(plan.seconds);
});

test('a length projection is work too', () => {
  const without = planTraining(OPTIONS);
  const plan = planTraining({ ...OPTIONS, projectedFrom: 1000 });
  // rows · (2 · 1000 · 96 + 3 · 96 · 96): the gradient of the condition is not computed
  const rows = 8 * 64 * 128;
  expect(plan.directMultiplyAdds - without.directMultiplyAdds).toBeCloseTo(rows * (2 * 1000 * 96 + 3 * 96 * 96), -3);
  expect(plan.seconds).toBeGreaterThan(without.seconds);
});

test('is made for any instruction set on any machine, in no time for the largest decoder', () => {
  for (const instructionSet of INSTRUCTION_SETS)
    expect(planTraining({ ...OPTIONS, instructionSet }).seconds).toBeGreaterThan(0);
  const { features, kernelSize } = PRESETS['qwen2.5-7b-math'];
  expect(planTraining({ features, kernelSize }).convolutions).toHaveLength(3 * 5 * (features.length - 1));
});

test.each<[string, object]>([
  ['an even kernel', { kernelSize: 4 }],
  ['no batch', { batch: 0 }],
  ['an unknown instruction set', { instructionSet: 'sve' }],
  ['a spectral convolution of 17 taps', { kernelSize: 17, algorithm: 'spectral' }],
  ['a negative length', { projectedFrom: -1 }],
])('refuses %s', (_what, change) => {
  expect(() => planTraining({ ...OPTIONS, ...change })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});
