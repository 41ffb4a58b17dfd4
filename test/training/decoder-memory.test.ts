import { TrainerEngine } from '../../src/engine/index.js';
import { microBatchFor, stepBytes, tasksTogether } from '../../src/training/decoder-memory.js';

const OPTIMISER = {
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0.1,
  maxGradientNorm: 1,
  moments: 'fp32',
} as const;
const SETTINGS = { batch: 8, microBatch: undefined, memoryLimit: undefined, moments: 'fp32' } as const;

async function engineWith(memoryLimit?: number): Promise<TrainerEngine> {
  const features = [
    [16, 32, 48],
    [24, 16, 64],
    [48, 10, 64],
    [96, 6, 66],
  ] as const;
  return TrainerEngine.create({ features, kernelSize: 9, optimiser: OPTIMISER, memoryLimitBytes: memoryLimit });
}

test('the micro-batch is the whole batch if it fits, and smaller under a lower limit', async () => {
  using roomy = await engineWith();
  expect(microBatchFor(roomy, SETTINGS)).toBe(8);
  const least = stepBytes(roomy.memory(1));
  const chosen = new Set<number>();
  for (const factor of [1, 1.3, 1.7, 2.5, 4, 8]) {
    const memoryLimit = Math.ceil(least * factor);
    using engine = await engineWith(memoryLimit);
    const size = microBatchFor(engine, { ...SETTINGS, memoryLimit });
    expect(stepBytes(engine.memory(size))).toBeLessThanOrEqual(memoryLimit);
    chosen.add(size);
  }
  expect(chosen.has(8)).toBe(true);
  expect(chosen.size).toBeGreaterThan(1);
});

test('a requested micro-batch is kept, or refused with advice', async () => {
  using roomy = await engineWith();
  expect(microBatchFor(roomy, { ...SETTINGS, microBatch: 3 })).toBe(3);
  const memoryLimit = Math.ceil(roomy.parameterBytes * 4.2);
  using engine = await engineWith(memoryLimit);
  expect(() => microBatchFor(engine, { ...SETTINGS, microBatch: 8, memoryLimit })).toThrow(
    expect.objectContaining({
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching(/micro-batch of 8 checkpoints: needs .*lower microBatch .*moments: '8bit'/),
    }),
  );
});

test('tasks that are evaluated at once are as many as are trained at once, while they are small', async () => {
  using engine = await engineWith();
  expect(tasksTogether(engine, { batch: 8, microBatch: 3 })).toBe(3);
  expect(
    tasksTogether({ memory: () => ({ ...engine.memory(1), operands: 2 ** 27 }) }, { batch: 8, microBatch: 8 }),
  ).toBe(2);
  expect(
    tasksTogether({ memory: () => ({ ...engine.memory(1), operands: 2 ** 29 }) }, { batch: 8, microBatch: 8 }),
  ).toBe(1);
});
