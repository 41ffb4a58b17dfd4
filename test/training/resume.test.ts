import { cp, mkdir, readdir, readFile, realpath, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cpuInfo } from '../../src/engine/index.js';
import { DndError } from '../../src/errors.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import type { ResumeTrainerOptions } from '../../src/training/resume.js';
import { Trainer } from '../../src/training/trainer.js';
import { checkpointBytes, generatedFrom, stepsOf, useRuns } from './run-workshop.js';
import { checkpointPath } from './workshop.js';

jest.setTimeout(60_000);

const { at, checkpoint, complete, create, metrics } = useRuns();

async function resume(name: string, options: ResumeTrainerOptions = {}): Promise<void> {
  await using trainer = await Trainer.resume(at(name), options);
  await stepsOf(trainer);
}

/** Starts a run, does some steps and disposes of it. */
async function begin(
  name: string,
  steps: number,
  changes: Parameters<typeof create>[1] = {},
  save = false,
): Promise<void> {
  const trainer = await create(name, changes);
  await stepsOf(trainer, steps);
  if (save) await trainer.save();
  await trainer.dispose();
}

async function expectSame(name: string, other: string): Promise<void> {
  expect(await checkpointBytes(checkpoint(name, 10))).toEqual(await checkpointBytes(checkpoint(other, 10)));
  expect(await metrics(name)).toEqual(await metrics(other));
}

describe('a run that is stopped and resumed ends as if it had never stopped:', () => {
  test.each([
    ['fp32', [0, 3, 4, 10]],
    ['8bit', [5]],
  ] as const)('saved after any step, with moments in %s', async (moments, places) => {
    await complete('whole', { moments, form: 'mix' });
    for (const step of places) {
      const name = `after-${step}`;
      await begin(name, step, { moments, form: 'mix' }, true);
      await resume(name);
      await expectSame(name, 'whole');
    }
  });

  test('left without saving, before and after the first checkpoint', async () => {
    await complete('whole');
    for (const step of [0, 2, 7]) {
      await begin(`left-${step}`, step);
      await resume(`left-${step}`);
      await expectSame(`left-${step}`, 'whole');
    }
  });

  test.each([
    ['bf16', 'BF16'],
    ['f16', 'F16'],
  ] as const)('saved with the generator in %s', async (saveDtype, dtype) => {
    await complete('whole');
    await complete('half', { saveDtype });
    await begin('stopped', 5, { saveDtype }, true);
    await resume('stopped');
    await expectSame('stopped', 'half');
    // From float32, so that nothing but the generator is rounded.
    const [whole, half] = [checkpoint('whole', 10), checkpoint('half', 10)];
    expect(await readFile(join(half, 'masters.safetensors'))).toEqual(
      await readFile(join(whole, 'decoder.safetensors')),
    );
    expect(await metrics('half')).toEqual(await metrics('whole'));
    const decoder = await SafetensorsFile.open(join(half, 'decoder.safetensors'));
    expect(new Set([...decoder.tensors.values()].map((tensor) => tensor.dtype))).toEqual(new Set([dtype]));
    await decoder.close();
    expect(await generatedFrom(half, ['a prompt'], 1)).not.toEqual(await generatedFrom(whole, ['a prompt'], 1));
  });

  test('with another dtype from some step on, or none', async () => {
    await complete('whole');
    await begin('changed', 3, { saveDtype: 'bf16' }, true);
    await using trainer = await Trainer.resume(at('changed'), { saveDtype: 'f32' });
    await stepsOf(trainer);
    await expectSame('changed', 'whole');
  });

  test('stopped and resumed at every step, in micro-batches', async () => {
    await complete('whole', { microBatch: 3 });
    await begin('steps', 1, { microBatch: 3 }, true);
    for (let step = 1; step < 10; step++) {
      await using trainer = await Trainer.resume(at('steps'), { threads: 1 + (step % 3) });
      expect(trainer.step).toBe(step);
      await stepsOf(trainer, 1);
      await trainer.save();
    }
    await resume('steps');
    await expectSame('steps', 'whole');
  });

  test('with half a line in metrics.jsonl and half a checkpoint beside the whole ones, as a killed process leaves them', async () => {
    await complete('whole');
    await begin('killed', 6);
    await writeFile(at('killed', 'metrics.jsonl'), '{"step":7,"lo', { flag: 'a' });
    await mkdir(at('killed', 'checkpoints', '.step-000008.partial-1-abcdef'));
    await mkdir(at('killed', 'checkpoints', '.step-000004.removed-1-abcdef'));
    await writeFile(at('killed', '.run.json.partial-1-abcdef'), '{');
    await resume('killed');
    await expectSame('killed', 'whole');
    expect((await readdir(at('killed'))).sort()).toEqual([
      'cache',
      'checkpoints',
      'latest',
      'metrics.jsonl',
      'run.json',
    ]);
    expect((await readdir(at('killed', 'checkpoints'))).sort()).toEqual(['step-000004', 'step-000008', 'step-000010']);
  });

  test('with the cache of encoded prompts damaged or gone, and too small a memory for any of them', async () => {
    await complete('whole');
    await begin('damaged', 6);
    const [way] = await readdir(at('damaged', 'cache', 'prompts'));
    const files = await readdir(at('damaged', 'cache', 'prompts', way!));
    for (const [index, name] of files.entries()) {
      const path = at('damaged', 'cache', 'prompts', way!, name);
      const bytes = await readFile(path);
      if (index % 3 === 0) bytes[bytes.length - 1]! ^= 1;
      if (index % 3 === 1) await truncate(path, 60);
      else await writeFile(path, bytes);
    }
    await resume('damaged', { promptCacheBytes: 1, targetCacheBytes: 1 });
    await expectSame('damaged', 'whole');
    await begin('gone', 6);
    await rm(at('gone', 'cache'), { recursive: true });
    await resume('gone', { promptCacheBytes: 1, promptDiskBytes: 1 });
    await expectSame('gone', 'whole');
  });

  test('moved to another place, its pairs too', async () => {
    await complete('whole');
    await begin('before', 5);
    await rename(at('before'), at('after'));
    await rename(at('pairs'), at('elsewhere'));
    await resume('after', { pairs: at('elsewhere') });
    await expectSame('after', 'whole');
  });
});

describe('resume refuses', () => {
  async function refusal(work: Promise<unknown>): Promise<DndError> {
    const error = await work.then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(DndError);
    return error;
  }

  test('a folder that is no run', async () => {
    expect((await refusal(Trainer.resume(at('pairs')))).code).toBe('FILE_NOT_FOUND');
    expect(await readdir(at('pairs'))).not.toContain('.lock');
  });

  test('other pairs, telling the difference, unless that is allowed', async () => {
    await begin('run', 5);
    await rm(join(checkpointPath(at('pairs'), 'numbers', 4), '..'), { recursive: true });
    const { code, message } = await refusal(Trainer.resume(at('run')));
    expect(code).toBe('PAIRS_CHANGED');
    expect(message).toContain('task numbers has 3 checkpoints instead of 4');
    expect(message).toContain('--allow-changed-pairs');
    await resume('run', { allowChangedPairs: true });
    const run = JSON.parse(await readFile(at('run', 'run.json'), 'utf8'));
    expect(run.pairs.tasks[1]).toMatchObject({ name: 'numbers', checkpoints: 3 });
    // From now on these are the run's pairs.
    await resume('run');
  });

  test('one changed prompt', async () => {
    await begin('run', 5);
    const path = at('pairs', 'animals', 'prompts.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('Question 1 ', 'Question 0 '));
    const { code, message } = await refusal(Trainer.resume(at('run')));
    expect([code, message.includes('their contents differ')]).toEqual(['PAIRS_CHANGED', true]);
  });

  test('settings that decide over the weights; others may change', async () => {
    await begin('run', 5);
    const { code, message } = await refusal(Trainer.resume(at('run'), { learningRate: 1, seed: 3, evaluateEvery: 2 }));
    expect(code).toBe('RESUME_MISMATCH');
    expect(message).toContain('learningRate is 0.001, not 1; seed is 0, not 3');
    await resume('run', { evaluateEvery: 5, keepCheckpoints: 1, learningRate: 1e-3 });
    const run = JSON.parse(await readFile(at('run', 'run.json'), 'utf8'));
    expect(run.settings).toMatchObject({ evaluateEvery: 5, keepCheckpoints: 1, learningRate: 1e-3 });
    expect(run.instructionSet).toBe(cpuInfo().isa);
    expect(await readdir(at('run', 'checkpoints'))).toEqual(['step-000010']);
  });

  test('more steps where the rate falls to 0 at their end; a constant one continues', async () => {
    await begin('cosine', 5);
    expect((await refusal(Trainer.resume(at('cosine'), { steps: 12 }))).code).toBe('RESUME_MISMATCH');
    await complete('constant', { schedule: 'constant' });
    await resume('constant', { steps: 12 });
    await complete('longer', { schedule: 'constant', steps: 12 });
    expect(await checkpointBytes(checkpoint('constant', 12))).toEqual(await checkpointBytes(checkpoint('longer', 12)));
  });

  test('another instruction set, unless that is allowed', async () => {
    await begin('run', 5);
    const path = join(checkpoint('run', 4), 'training.json');
    const state = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...state, instructionSet: 'abacus' }));
    await rm(join(checkpoint('run', 4), 'checksums.json'));
    const { code, message } = await refusal(Trainer.resume(at('run')));
    expect(code).toBe('RESUME_MISMATCH');
    expect(message).toContain('computed with abacus');
    await resume('run', { allowOtherInstructionSet: true });
  });

  test('a run.json that was edited', async () => {
    await begin('run', 5);
    const run = JSON.parse(await readFile(at('run', 'run.json'), 'utf8'));
    run.settings.weightDecay = 0;
    await writeFile(at('run', 'run.json'), JSON.stringify(run));
    expect((await refusal(Trainer.resume(at('run')))).message).toContain('other settings');
  });
});

describe('where the newest checkpoint cannot be read', () => {
  test.each<[string, (path: string) => Promise<unknown>]>([
    ['a parameter file cut short', (path) => truncate(join(path, 'decoder.safetensors'), 5000)],
    ['an optimiser file cut short', (path) => truncate(join(path, 'optimiser.safetensors'), 5000)],
    ['no training.json', (path) => rm(join(path, 'training.json'))],
    ['a training.json that is none', (path) => writeFile(join(path, 'training.json'), '{"formatVersion":1')],
    ['NaN parameters', writeNaN],
  ])('for %s, the one before it is used, and it is told', async (_what, damage) => {
    await complete('whole');
    await begin('run', 9);
    await damage(checkpoint('run', 8));
    const notices: string[] = [];
    await using trainer = await Trainer.resume(at('run'), { onNotice: (message) => notices.push(message) });
    expect(trainer.step).toBe(4);
    expect(await realpath(at('run', 'latest'))).toBe(await realpath(checkpoint('run', 4)));
    expect(notices.join()).toContain(
      `${checkpoint('run', 8)} cannot be read and was renamed to ${checkpoint('run', 8)}.unreadable`,
    );
    await stepsOf(trainer);
    await expectSame('run', 'whole');
  });

  test('and there is no other, the run is not silently restarted', async () => {
    await begin('run', 5);
    await rm(join(checkpoint('run', 4), 'decoder.safetensors'));
    const names = await readdir(at('run', 'checkpoints'));
    await expect(Trainer.resume(at('run'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    expect(await readdir(at('run', 'checkpoints'))).toEqual(names);
  });

  async function writeNaN(path: string): Promise<void> {
    const file = join(path, 'decoder.safetensors');
    const reader = await SafetensorsFile.open(file);
    await reader.close();
    const bytes = await readFile(file);
    bytes.writeFloatLE(Number.NaN, bytes.length - 4);
    await writeFile(file, bytes);
  }
});

describe('one process at a time', () => {
  test('a second trainer of a run is refused, until the first is disposed', async () => {
    const trainer = await create('run');
    await expect(Trainer.resume(at('run'))).rejects.toMatchObject({ code: 'RUN_IN_USE' });
    await expect(create('run')).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await stepsOf(trainer, 1);
    await trainer.dispose();
    await resume('run');
  });

  test('the lock of a process that was killed is no hindrance, of one on another machine it is', async () => {
    await begin('run', 5);
    await writeFile(
      at('run', '.lock'),
      JSON.stringify({ host: require('node:os').hostname(), pid: 2 ** 22 + 1, began: '1' }),
    );
    await resume('run');
    await writeFile(at('run', '.lock'), JSON.stringify({ host: 'elsewhere', pid: 1, began: '1' }));
    await expect(Trainer.resume(at('run'))).rejects.toMatchObject({
      code: 'RUN_IN_USE',
      message: expect.stringContaining('on elsewhere'),
    });
  });
});

test('a copy of a run can be resumed by itself', async () => {
  await complete('whole');
  await begin('run', 5);
  await cp(at('run'), at('copy'), { recursive: true, verbatimSymlinks: true });
  await resume('copy');
  await expectSame('copy', 'whole');
});
