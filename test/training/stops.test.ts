import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OnTrainingProgress, TrainingStage } from '../../src/training/progress.js';
import { Trainer } from '../../src/training/trainer.js';
import { abortedAfterTicks } from '../encoder/event-loop.js';
import { mountSmallDisk } from '../small-disk.js';
import { checkpointBytes, metricsOf, stepsOf, useRuns } from './run-workshop.js';

jest.setTimeout(60_000);

const { at, checkpoint, complete, create, metrics } = useRuns();

async function expectSame(name: string, other: string): Promise<void> {
  expect(await checkpointBytes(checkpoint(name, 10))).toEqual(await checkpointBytes(checkpoint(other, 10)));
  expect(await metrics(name)).toEqual(await metrics(other));
}

/** Aborts when the work says that it has come to a stage. */
function abortAt(stage: TrainingStage): { signal: AbortSignal; onProgress: OnTrainingProgress } {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    onProgress: (_, at) => {
      if (at === stage) controller.abort(new Error(`enough of ${stage}`));
    },
  };
}

describe('an abort', () => {
  test('before it starts leaves nothing', async () => {
    await expect(create('run', { signal: AbortSignal.abort(new Error('never mind')) })).rejects.toThrow('never mind');
    expect(await readdir(at())).toEqual(['pairs']);
  });

  test.each(['pairs', 'load'] as const)('while it starts (%s) leaves nothing', async (stage) => {
    await expect(create('run', abortAt(stage))).rejects.toThrow(`enough of ${stage}`);
    expect(await readdir(at())).toEqual(['pairs']);
  });

  test.each(['initialise', 'importance', 'encode'] as const)(
    'after run.json is written (%s) leaves a run that can be resumed',
    async (stage) => {
      await complete('whole');
      await expect(create('run', abortAt(stage))).rejects.toThrow(`enough of ${stage}`);
      await using trainer = await Trainer.resume(at('run'));
      await stepsOf(trainer);
      await expectSame('run', 'whole');
    },
  );

  test.each(['evaluate', 'save'] as const)('during %s, and the trainer can continue', async (stage) => {
    await complete('whole');
    await using trainer = await create('run');
    await expect(stepsOf(trainer, Infinity, abortAt(stage))).rejects.toThrow(`enough of ${stage}`);
    await stepsOf(trainer);
    await expectSame('run', 'whole');
  });

  test('after any number of event loop ticks keeps the steps before it, which can be saved and resumed', async () => {
    await complete('whole', { microBatch: 1 });
    const trainer = await create('run', { microBatch: 1 });
    for (const turns of [1, 2, 5, 12, 30]) {
      const count = abortedAfterTicks(turns);
      await stepsOf(trainer, Infinity, { signal: count.signal }).catch((error) => expect(error).toBe(count.reason));
      count.end();
    }
    const { step } = trainer;
    expect(step).toBeLessThan(10);
    expect(await trainer.save()).toBe(checkpoint('run', step));
    await trainer.dispose();
    await using resumed = await Trainer.resume(at('run'));
    expect(resumed.step).toBe(step);
    await stepsOf(resumed);
    await expectSame('run', 'whole');
  });

  test('by dispose ends the work and releases the folder', async () => {
    const trainer = await create('run');
    const steps = stepsOf(trainer);
    await trainer.dispose();
    await expect(steps).rejects.toMatchObject({ code: 'DISPOSED' });
    await expect(trainer.save()).rejects.toMatchObject({ code: 'DISPOSED' });
    await (await Trainer.resume(at('run'))).dispose();
  });
});

describe('a loss that is not finite', () => {
  test.each([0, 1])(
    'stops the run by name, and the last good checkpoint stays the newest (evaluateEvery %s)',
    async (evaluateEvery) => {
      const changes = { learningRate: 1e30, schedule: 'constant', checkpointEvery: 1, evaluateEvery } as const;
      await using trainer = await create('run', changes);
      const error = await stepsOf(trainer).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'NOT_FINITE' });
      if (evaluateEvery === 0) {
        expect(error.message).toMatch(
          /the loss became (NaN|Infinity) in step 2, over task \w+ \(\w+\/checkpoints\/checkpoint-\d/,
        );
        expect(await readdir(at('run', 'checkpoints'))).toEqual(['step-000001']);
        expect((await metrics('run')).map(({ step }) => step)).toEqual([1]);
        expect(trainer.step).toBe(1);
      } else expect(error.message).toContain('generated for task animals');
    },
  );
});

describe('on a disk that becomes full', () => {
  const small = mountSmallDisk('size=2m');
  afterAll(() => small.unmount());

  test('the failure is reported, the previous checkpoint survives, and resuming works once there is space', async () => {
    await complete('whole');
    const out = join(small.folder, 'run');
    const trainer = await create('run', { out });
    await stepsOf(trainer, 5);
    await fill(join(small.folder, 'filler'));
    await expect(stepsOf(trainer)).rejects.toMatchObject({ code: 'DISK_FULL' });
    await trainer.dispose();
    expect(await readdir(join(out, 'checkpoints'))).toEqual(['step-000004']);
    await rm(join(small.folder, 'filler'));
    await using resumed = await Trainer.resume(out);
    expect(resumed.step).toBe(4);
    await stepsOf(resumed);
    expect(await checkpointBytes(join(out, 'checkpoints', 'step-000010'))).toEqual(
      await checkpointBytes(checkpoint('whole', 10)),
    );
    expect(await metricsOf(out)).toEqual(await metrics('whole'));
  });

  test('the same trainer continues, and no line of metrics.jsonl is lost', async () => {
    await complete('whole');
    const out = join(small.folder, 'patient');
    await using trainer = await create('run', { out });
    await stepsOf(trainer, 5);
    for (;;) {
      await fill(join(small.folder, 'filler'));
      const error = await stepsOf(trainer, 1).catch((thrown) => thrown);
      await rm(join(small.folder, 'filler'));
      if (Array.isArray(error)) {
        if (error.length === 0) break;
        continue;
      }
      expect(error).toMatchObject({ code: 'DISK_FULL' });
      await stepsOf(trainer, 1);
    }
    expect(await metricsOf(out)).toEqual(await metrics('whole'));
  });

  /** Fills the remaining disk space. */
  async function fill(path: string): Promise<void> {
    for (const size of [2 ** 16, 2 ** 12])
      for (;;) {
        const full = await writeFile(path, new Uint8Array(size), { flag: 'a' }).then(
          () => false,
          () => true,
        );
        if (full) break;
      }
  }
});

test('a run does not block the event loop', async () => {
  await using trainer = await create('run', {
    features: [
      [64, 48, 64],
      [128, 48, 64],
      [34, 4, 66],
    ],
    kernelSize: 9,
    evaluateEvery: 0,
  });
  const count = abortedAfterTicks(Infinity);
  await stepsOf(trainer, 2);
  count.end();
  expect(count.turns()).toBeGreaterThan(50);
});
