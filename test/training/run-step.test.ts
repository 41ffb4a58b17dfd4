import type { TrainingTasks } from '../../src/engine/index.js';
import { resolveSettings } from '../../src/training/config.js';
import { runStep, type StepParts } from '../../src/training/run-step.js';

const settings = {
  ...resolveSettings({ pairs: '/p', encoder: 'hash', base: '/b', loss: 'both', tokenSteps: 0, targets: 'delta' }),
  ...{ batch: 3, behaviourWeight: 2, steps: 1 },
};

/** A step of two micro-batches, of two samples and of one, on what the parts give. */
function parts(given: { behaviour: boolean; delta: boolean }) {
  const accumulated: TrainingTasks[] = [];
  const gradients: { kind: string; weight: number; batch: number; teachers?: unknown[] }[] = [];
  const zeros = { valid: 4, weightedSquares: 400, outputSquares: 1, targetSquares: 1, product: 1 };
  const step: StepParts = {
    settings,
    importance: null,
    teachers: null,
    engine: {
      disposed: false,
      forward: async (_condition, batch) => new Float32Array(batch).fill(7),
      accumulate: async (tasks) => {
        accumulated.push({ ...tasks, outputGradient: tasks.outputGradient?.slice() ?? null });
        return Array.from({ length: tasks.batch }, () => zeros);
      },
      update: async () => 0.5,
      resetGradient: () => {},
    },
    data: {
      firsts: [0, 2],
      take: async ({ step: index, first }: { step: number; first: number }) => ({
        ...{ step: index, first },
        samples: ['one', 'two', 'three']
          .slice(first, first + 2)
          .map((task) => ({ task, checkpoint: null, texts: ['a'] })),
        condition: new Float32Array(1),
        target: new Float32Array([1, 2, 3]),
      }),
    } as never,
    behaviour: given.behaviour
      ? ({
          examples: new Map(['one', 'two', 'three'].map((task) => [task, [{ ids: [1], labels: [1] }]])),
          gradient: async (
            tokens: Float32Array,
            drawn: unknown[],
            { weight, teachers }: { weight: number; teachers?: Float32Array[] },
          ) => {
            const taught = teachers && { teachers: teachers.map(([value]) => value) };
            gradients.push({ kind: 'behaviour', weight, batch: drawn.length, ...taught });
            return { sums: drawn.map(() => ({ sum: 6, tokens: 2 })), outputGradient: tokens.map(() => 10) };
          },
        } as never)
      : null,
    delta: given.delta
      ? {
          gradient: async (tokens, targets, batch, weight) => {
            gradients.push({ kind: 'delta', weight, batch });
            expect([...targets]).toEqual([1, 2, 3]);
            const sums = { valid: 2, weightedSquares: 1, outputSquares: 9, targetSquares: 4, product: 0 };
            return { sums: Array.from({ length: batch }, () => sums), outputGradient: tokens.map(() => 1) as never };
          },
        }
      : null,
  };
  return { step, accumulated, gradients };
}

const signal = new AbortController().signal;

test('with both losses and the targets delta, both gradients go back together, and the engine compares nothing', async () => {
  const { step, accumulated, gradients } = parts({ behaviour: true, delta: true });
  const done = await runStep(0, step, signal);
  expect(done).toMatchObject({ tokenLoss: 0.5, behaviourLoss: 3, loss: 0.5 + 2 * 3, normRatio: 1.5 });
  expect(done.taskLosses).toEqual({ one: 6.5, two: 6.5, three: 6.5 });
  expect(gradients).toEqual([
    { kind: 'behaviour', weight: 2 / 3, batch: 2 },
    { kind: 'delta', weight: 1 / 3, batch: 2 },
    { kind: 'behaviour', weight: 2 / 3, batch: 1 },
    { kind: 'delta', weight: 1 / 3, batch: 1 },
  ]);
  expect(accumulated.map(({ target, outputGradient }) => [target, outputGradient && [...outputGradient]])).toEqual([
    [null, [11, 11]],
    [null, [11]],
  ]);
  for (const { noise } of accumulated) expect(noise!.condition).toBe(0);
});

test('with teachers each sample is compared with its own checkpoint', async () => {
  const { step, gradients } = parts({ behaviour: true, delta: false });
  const { take } = step.data;
  const named = async (...given: Parameters<typeof take>) => {
    const micro = await take(...given);
    return { ...micro, samples: micro.samples.map((sample) => ({ ...sample, checkpoint: { name: sample.task } })) };
  };
  const values: Record<string, number> = { one: 1, two: 2, three: 3 };
  const teachers = { of: async ({ name }: { name: string }) => new Float32Array([values[name]!]) };
  await runStep(0, { ...step, data: { ...step.data, take: named }, teachers } as never, signal);
  expect(gradients).toEqual([
    { kind: 'behaviour', weight: 2 / 3, batch: 2, teachers: [1, 2] },
    { kind: 'behaviour', weight: 2 / 3, batch: 1, teachers: [3] },
  ]);
});

test('with the targets delta alone, its gradient goes back, and its loss is that of the step', async () => {
  const { step, accumulated } = parts({ behaviour: false, delta: true });
  const done = await runStep(0, { ...step, settings: { ...settings, loss: 'tokens' } }, signal);
  expect(done).toMatchObject({ loss: 0.5, normRatio: 1.5 });
  expect(done.behaviourLoss).toBeUndefined();
  expect(accumulated.map(({ target, outputGradient }) => [target, outputGradient && [...outputGradient]])).toEqual([
    [null, [1, 1]],
    [null, [1]],
  ]);
});

test('without it the engine compares weight tokens, with noise on conditions', async () => {
  const { step, accumulated, gradients } = parts({ behaviour: false, delta: false });
  const done = await runStep(0, { ...step, settings: { ...settings, loss: 'tokens' } }, signal);
  expect(done).toMatchObject({ loss: 100, normRatio: 1 });
  expect(gradients).toEqual([]);
  for (const { target, outputGradient, noise } of accumulated) {
    expect(outputGradient).toBeNull();
    expect([...target!]).toEqual([1, 2, 3]);
    expect(noise!.condition).toBe(settings.conditionNoise);
  }
});
