import { readdir, readFile } from 'node:fs/promises';
import { Generator } from '../../src/generator/generator.js';
import type { Evaluation } from '../../src/training/metrics.js';
import type { CreateTrainerOptions } from '../../src/training/start-run.js';
import { Trainer } from '../../src/training/trainer.js';
import { checkpointBytes, stepsOf, useRuns } from './run-workshop.js';

jest.setTimeout(60_000);

const { at, checkpoint, complete, create, metrics } = useRuns();

describe('a run', () => {
  test('does its steps, evaluates, saves the newest checkpoints and reports all of it', async () => {
    const evaluations: number[] = [];
    const saved: string[] = [];
    await using trainer = await create('run', { keepCheckpoints: 2 });
    const steps = await stepsOf(trainer, Infinity, {
      onEvaluation: ({ evaluation }) => evaluations.push(evaluation),
      onCheckpoint: (path) => saved.push(path),
    });
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(steps[0]!.learningRate).toBe(1e-3);
    for (const { loss, normRatio, gradientNorm, taskLosses, seconds, dataSeconds } of steps) {
      expect(loss).toBeGreaterThan(0);
      expect(normRatio).toBeGreaterThan(0);
      expect(gradientNorm).toBeGreaterThan(0);
      expect(seconds).toBeGreaterThanOrEqual(dataSeconds);
      expect(['animals', 'numbers']).toEqual(expect.arrayContaining(Object.keys(taskLosses)));
    }
    expect(evaluations).toEqual([0, 3, 6, 9, 10]);
    expect(saved).toEqual([4, 8, 10].map((step) => checkpoint('run', step)));
    expect((await readdir(at('run', 'checkpoints'))).sort()).toEqual(['step-000008', 'step-000010']);
    expect(await readdir(at('run', 'latest'))).toEqual(await readdir(checkpoint('run', 10)));
    const lines = await metrics('run');
    expect(lines.map((line) => line.step ?? `after ${line.evaluation}`)).toEqual([
      ...['after 0', 1, 2, 3, 'after 3', 4, 5, 6, 'after 6', 7, 8, 9, 'after 9', 10, 'after 10'],
    ]);
    expect(trainer.step).toBe(10);
    expect(await stepsOf(trainer)).toEqual([]);
  });

  test('learns: the loss of what is trained on and of what is held out falls, the norm ratio rises', async () => {
    const steps = await complete('run', { steps: 150, learningRate: 5e-3, evaluateEvery: 150, checkpointEvery: 150 });
    const mean = (part: typeof steps, key: 'loss' | 'normRatio') =>
      part.reduce((sum, step) => sum + step[key]!, 0) / part.length;
    expect(mean(steps.slice(-10), 'loss')).toBeLessThan(0.8 * mean(steps.slice(0, 10), 'loss'));
    expect(mean(steps.slice(-10), 'normRatio')).toBeGreaterThan(1.5 * mean(steps.slice(0, 10), 'normRatio'));
    const [before, after] = (await metrics('run')).filter((line) => line.evaluation !== undefined);
    const held = (line: typeof before) => line!.tasks!.find(({ task }) => task === 'animals')!;
    expect(held(after).loss).toBeLessThan(0.8 * held(before).loss);
    expect(held(after).cosine).toBeGreaterThan(held(before).cosine);
  });

  test('gives the same bytes for the same seed and any number of threads, and others for another seed', async () => {
    await complete('one', { threads: 1 });
    await complete('three', { threads: 3 });
    await complete('other', { seed: 1 });
    expect(await checkpointBytes(checkpoint('three', 10))).toEqual(await checkpointBytes(checkpoint('one', 10)));
    expect(await metrics('three')).toEqual(await metrics('one'));
    const [one, other] = [await checkpointBytes(checkpoint('one', 10)), await checkpointBytes(checkpoint('other', 10))];
    expect(other['decoder.safetensors']).not.toEqual(one['decoder.safetensors']);
  });

  test('makes generators that generate without conversion and know where they come from', async () => {
    await complete('run');
    const generator = await Generator.load(checkpoint('run', 8));
    try {
      const adapter = await generator.generate(['Which animal comes first?']);
      expect(adapter.report.generator).toMatchObject({ trained: true, notice: null });
      expect(generator.manifest.training).toMatchObject({
        trained: true,
        steps: 8,
        form: 'prompt',
        tasks: ['animals', 'numbers'],
        heldOutTasks: ['plants'],
      });
    } finally {
      generator.dispose();
    }
  });

  test('evaluates held-out tasks and checkpoints by projection and layer, the same ones each time', async () => {
    await using trainer = await create('run');
    const first = await trainer.evaluate();
    expect(first.tasks.map(({ task, heldOut, checkpoints }) => [task, heldOut, checkpoints])).toEqual([
      ['animals', 'checkpoints', 1],
      ['plants', 'task', 4],
    ]);
    for (const { modules, loss } of first.tasks) {
      expect(Object.keys(modules)).toEqual([
        'q_proj',
        'k_proj',
        'v_proj',
        'o_proj',
        'up_proj',
        'gate_proj',
        'down_proj',
      ]);
      expect(Number.isFinite(loss)).toBe(true);
    }
    expect(first.cells).toHaveLength(2 * 7);
    const withoutClock = ({ seconds: _, ...rest }: Evaluation) => rest;
    expect(withoutClock(await trainer.evaluate())).toEqual(withoutClock(first));
  });

  test('evaluates what it trains on where nothing is held out', async () => {
    await using trainer = await create('run', { heldOutTasks: [], heldOutCheckpoints: 0 });
    const { tasks } = await trainer.evaluate();
    expect(tasks.map(({ task, heldOut }) => [task, heldOut])).toEqual([
      ['animals', 'none'],
      ['numbers', 'none'],
      ['plants', 'none'],
    ]);
  });

  test('encodes each distinct prompt once, and none of them again after resuming', async () => {
    const trainer = await create('run');
    await stepsOf(trainer, 5);
    // 12 prompts of each training task, and the four that plants is evaluated with.
    expect(trainer.promptsEncoded).toBe(28);
    await trainer.save();
    await trainer.dispose();
    await using resumed = await Trainer.resume(at('run'));
    await stepsOf(resumed);
    expect(resumed.promptsEncoded).toBe(0);
  });

  test.each<[string, Partial<CreateTrainerOptions>]>([
    ['8-bit moments', { moments: '8bit' }],
    ['every form of condition', { form: 'mix' }],
    ['answers', { form: 'answer' }],
    [
      'pooled prompts',
      {
        pooling: 'mean',
        features: [
          [4, 1, 16],
          [6, 6, 12],
          [34, 4, 66],
        ],
      },
    ],
    ['a length projection', { maxLength: 12 }],
    ['the direct algorithm', { algorithm: 'direct' }],
    ['a constant rate', { schedule: 'constant', warmupSteps: 3 }],
    ['equal importance', { tokenImportance: false }],
  ])('works with %s', async (_what, changes) => {
    const steps = await complete('run', changes);
    expect(steps).toHaveLength(10);
    expect(Number.isFinite(steps.at(-1)!.loss)).toBe(true);
    const generator = await Generator.load(checkpoint('run', 10));
    await generator.generate(['one']);
    generator.dispose();
  });

  test('micro-batches add up to the whole batch', async () => {
    const whole = await complete('whole', { microBatch: 4, steps: 3 });
    const parts = await complete('parts', { microBatch: 3, steps: 3 });
    for (const [index, { loss, gradientNorm, normRatio, taskLosses }] of parts.entries()) {
      expect(loss).toBeCloseTo(whole[index]!.loss, 6);
      expect(gradientNorm).toBeCloseTo(whole[index]!.gradientNorm, 6);
      expect(normRatio).toBeCloseTo(whole[index]!.normRatio!, 6);
      expect(Object.keys(taskLosses)).toEqual(Object.keys(whole[index]!.taskLosses));
    }
  });

  test('writes down all it was made from', async () => {
    await complete('run', { steps: 1 });
    const run = JSON.parse(await readFile(at('run', 'run.json'), 'utf8'));
    expect(run).toMatchObject({
      formatVersion: 1,
      parameters: 21836,
      weightTokens: { count: 34, height: 4, width: 66 },
      adapter: { rank: 2, alpha: 4 },
      pairs: {
        tasks: [
          { name: 'animals', heldOut: false, prompts: 12, checkpoints: 6, heldOutCheckpoints: 1 },
          { name: 'numbers', heldOut: false, prompts: 12, checkpoints: 4, heldOutCheckpoints: 0 },
          { name: 'plants', heldOut: true, prompts: 12, checkpoints: 4, heldOutCheckpoints: 4 },
        ],
      },
      settings: { steps: 1, batch: 4, microBatch: 4, learningRate: 1e-3, beta2: 0.999, form: 'prompt', seed: 0 },
    });
  });
});
