import { cp, readFile, writeFile } from 'node:fs/promises';
import { readPeft } from '../../src/adapter/index.js';
import { cpuInfo } from '../../src/engine/index.js';
import { Generator } from '../../src/generator/generator.js';
import { loadLanguageModel } from '../../src/language/index.js';
import { Trainer } from '../../src/training/trainer.js';
import { BEHAVIOUR_ANSWERS, cuedItems, useBehaviourRuns } from './behaviour-workshop.js';
import { checkpointBytes, metricsOf, stepsOf } from './run-workshop.js';

jest.setTimeout(300_000);

const { at, create, complete, checkpoint } = useBehaviourRuns();

const LEARNING = { steps: 60, sequences: 4, evaluateEvery: 60, checkpointEvery: 60 };

async function expectSame(name: string, other: string, step = 8): Promise<void> {
  expect(await checkpointBytes(checkpoint(name, step))).toEqual(await checkpointBytes(checkpoint(other, step)));
  expect(await metricsOf(at(name))).toEqual(await metricsOf(at(other)));
}

test('learns to make adapters that answer their task, from prompts of which half do not say which it is', async () => {
  const steps = await complete('learnt', LEARNING);
  const meanLoss = (part: typeof steps) => part.reduce((sum, { loss }) => sum + loss, 0) / part.length;
  expect(meanLoss(steps.slice(-5))).toBeLessThan(0.5 * meanLoss(steps.slice(0, 5)));

  const [before, after] = (await metricsOf(at('learnt'))).filter(({ evaluation }) => evaluation !== undefined);
  expect(before).toMatchObject({ evaluation: 0, tasks: [], cells: [] });
  for (const [index, task] of Object.keys(BEHAVIOUR_ANSWERS).entries()) {
    const [first, last] = [before, after].map((line) => line!.responses![index]!);
    expect(first).toEqual({
      task,
      heldOut: 'none',
      items: 8,
      loss: expect.any(Number),
      exactMatch: expect.any(Number),
    });
    expect([task, last!.exactMatch]).toEqual([task, 1]);
    expect(last!.loss).toBeLessThan(0.5 * first!.loss);
  }
  expect(before!.responses!.reduce((sum, { exactMatch }) => sum + exactMatch, 0)).toBeLessThanOrEqual(2);

  const generator = await Generator.load(checkpoint('learnt', 60), { device: 'cpu', threads: 1 });
  const model = await loadLanguageModel(at('base'), { threads: 1 });
  try {
    expect(generator.manifest.training).toMatchObject({ trained: true, steps: 60 });
    const tasks = Object.entries(BEHAVIOUR_ANSWERS);
    const adapters = [];
    for (const [task, answer] of tasks) {
      const prompts = cuedItems(task, answer).map(({ prompt }) => prompt);
      adapters.push(await generator.generate(prompts, { seed: 3 }));
    }
    const asked = tasks.map(() => 'Word 3?');
    expect(await model.generate(asked, { adapters, maxNewTokens: 20 })).toEqual(tasks.map(([, answer]) => answer));
    const joint = await readPeft(at('pairs', 'joint'));
    const [same, ...others] = await model.generate(asked, { adapters: joint, maxNewTokens: 20 });
    expect(new Set(others)).toEqual(new Set([same]));
  } finally {
    model.dispose();
    generator.dispose();
  }
});

test('writes its losses and what was answered, and no norm ratio, to metrics.jsonl', async () => {
  await complete('metrics', { heldOutTasks: ['stones', 'tools'], evaluationTasks: 1, evaluationItems: 3 });
  const lines = await metricsOf(at('metrics'));
  expect(lines.map((line) => line.step ?? `after ${line.evaluation}`)).toEqual([
    ...['after 0', 1, 2, 3, 'after 3', 4, 5, 6, 'after 6', 7, 8, 'after 8'],
  ]);
  for (const line of lines) {
    if (line.step === undefined) {
      expect(line.responses).toEqual([expect.objectContaining({ task: line.responses![0]!.task, items: 3 })]);
      expect(line.responses![0]).toMatchObject({ task: lines[0]!.responses![0]!.task, heldOut: 'task' });
      continue;
    }
    expect(line.normRatio).toBeNull();
    expect(line).not.toHaveProperty('tokenLoss');
    expect(line.loss).toBe(line.behaviourLoss);
    expect(line.gradientNorm).toBeGreaterThan(0);
    const losses = Object.entries(line.taskLosses!);
    expect(losses.every(([task]) => ['animals', 'plants'].includes(task))).toBe(true);
    const [least, most] = [Math.min, Math.max].map((of) => of(...losses.map(([, loss]) => loss)));
    expect(line.loss).toBeGreaterThanOrEqual(least! - 1e-9);
    expect(line.loss).toBeLessThanOrEqual(most! + 1e-9);
  }
  const run = JSON.parse(await readFile(at('metrics', 'run.json'), 'utf8'));
  expect(run.settings).toMatchObject({ loss: 'behaviour', normalisation: 'residual', startDeviation: 0.01 });
  expect(run.pairs.tasks[0]).toMatchObject({ name: 'animals', checkpoints: 0, heldOut: false });
});

const withBfloat16 = cpuInfo().bfloat16 ? test : test.skip;

withBfloat16('the base computes in bf16 where that is asked for (needs AVX512-BF16)', async () => {
  const lossesOf = (steps: { loss: number }[]) => steps.map(({ loss }) => loss);
  const full = lossesOf(await complete('full-precision', { steps: 2 }));
  const half = lossesOf(await complete('half-precision', { steps: 2, precision: 'bf16' }));
  expect(half).not.toEqual(full);
  for (const [index, loss] of half.entries()) expect(Math.abs(loss - full[index]!) / full[index]!).toBeLessThan(0.02);
});

describe('is the same, byte for byte,', () => {
  beforeAll(() => complete('whole'));

  test('with any number of threads, and another one with another seed or start deviation', async () => {
    await complete('one-thread', { threads: 1 });
    await expectSame('one-thread', 'whole');
    const { 'decoder.safetensors': whole } = await checkpointBytes(checkpoint('whole', 8));
    for (const [name, changes] of Object.entries({ seed: { seed: 1 }, deviation: { startDeviation: 0.02 } })) {
      await complete(name, changes);
      const { 'decoder.safetensors': other } = await checkpointBytes(checkpoint(name, 8));
      expect([name, other!.equals(whole!)]).toEqual([name, false]);
    }
  });

  test.each([
    [0, 'saved'],
    [3, 'saved'],
    [5, 'left'],
  ] as const)('when it is stopped after %d steps, %s, and resumed', async (steps, how) => {
    const name = `stopped-${steps}`;
    const trainer = await create(name);
    await stepsOf(trainer, steps);
    if (how === 'saved') await trainer.save();
    await trainer.dispose();
    await using resumed = await Trainer.resume(at(name), { threads: 1 });
    expect(resumed.step).toBe(how === 'saved' ? steps : 4);
    await stepsOf(resumed);
    await expectSame(name, 'whole');
  });
});

test('gives the same steps within rounding in micro-batches, and is resumed exactly in them', async () => {
  const whole = await complete('whole-batch', { microBatch: 4 });
  const parts = await complete('micro-batches', { microBatch: 1 });
  for (const [index, { loss, gradientNorm, taskLosses }] of parts.slice(0, 3).entries()) {
    expect(Math.abs(loss / whole[index]!.loss - 1)).toBeLessThan(1e-4);
    expect(Math.abs(gradientNorm / whole[index]!.gradientNorm - 1)).toBeLessThan(1e-3);
    expect(Object.keys(taskLosses)).toEqual(Object.keys(whole[index]!.taskLosses));
  }
  const trainer = await create('interrupted', { microBatch: 1 });
  await stepsOf(trainer, 5);
  await trainer.dispose();
  await using resumed = await Trainer.resume(at('interrupted'));
  await stepsOf(resumed);
  await expectSame('interrupted', 'micro-batches');
});

test.each([0.002, 0.05])(
  'begins with adapters that differ from the start by the start deviation %d',
  async (deviation) => {
    const name = `start-${deviation}`;
    await using trainer = await create(name, { startDeviation: deviation });
    const generator = await Generator.load(await trainer.save(), { device: 'cpu', threads: 1 });
    try {
      const joint = await readPeft(at('pairs', 'joint'));
      const made = await generator.generate(['Word 1?', 'Word 2 of plants?', 'What is it?', 'Word 5?']);
      let squares = 0;
      let count = 0;
      for (const [tensor, { data }] of joint.tensors) {
        const own = made.tensors.get(tensor)!.data;
        for (const [index, value] of data.entries()) squares += (own[index]! - value) ** 2;
        count += data.length;
      }
      expect(Math.sqrt(squares / count) / deviation).toBeGreaterThan(0.7);
      expect(Math.sqrt(squares / count) / deviation).toBeLessThan(1.4);
    } finally {
      generator.dispose();
    }
  },
);

describe('a resumed run and its base:', () => {
  const runJson = () => at('based', 'run.json');

  beforeAll(async () => {
    await cp(at('base'), at('own-base'), { recursive: true });
    await using trainer = await create('based', { base: at('own-base') });
    await stepsOf(trainer, 2);
    await trainer.save();
  });

  test('the same weights elsewhere are the same base', async () => {
    await using resumed = await Trainer.resume(at('based'), { base: at('base') });
    expect(resumed.step).toBe(2);
  });

  test('other weights are refused by name, and a run that does not say which it had goes on', async () => {
    const run = JSON.parse(await readFile(runJson(), 'utf8'));
    expect(run.baseSha256).toMatch(/^[0-9a-f]{64}$/);
    const weights = at('own-base', 'model.safetensors');
    const bytes = await readFile(weights);
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(weights, bytes);
    await expect(Trainer.resume(at('based'), { base: at('own-base') })).rejects.toMatchObject({
      code: 'RESUME_MISMATCH',
      message: expect.stringMatching(
        new RegExp(
          `based cannot be resumed: the base .*own-base has other weights; expected those of SHA-256 ${run.baseSha256}, got `,
        ),
      ),
    });
    const { baseSha256: _, ...older } = run;
    await writeFile(runJson(), JSON.stringify(older));
    await using resumed = await Trainer.resume(at('based'), { base: at('own-base') });
    expect(resumed.step).toBe(2);
    const now = JSON.parse(await readFile(runJson(), 'utf8'));
    expect(now.baseSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(now.baseSha256).not.toBe(run.baseSha256);
  });
});
