import { renameSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { TrainerEngine } from '../../src/engine/index.js';
import { resumePoint, trainToEnd } from '../../src/training/train-to-end.js';
import { Trainer } from '../../src/training/trainer.js';
import { checkpointBytes, useRuns } from './run-workshop.js';
import { checkpointPath } from './workshop.js';

jest.setTimeout(60_000);

const { at, checkpoint, complete, create } = useRuns();
afterEach(() => jest.restoreAllMocks());
const checkpoints = (name: string) => readdir(at(name, 'checkpoints'));
/** No checkpoint but that of the last step is due. */
const RARELY = { checkpointEvery: 1000, evaluateEvery: 0 };

test('runs to the last step, and gives its checkpoint', async () => {
  await using trainer = await create('run');
  const steps: number[] = [];
  const result = await trainToEnd(trainer, { onStep: ({ step }) => steps.push(step) });
  expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(result).toMatchObject({ step: 10, newSteps: 10, interrupted: false, checkpoint: checkpoint('run', 10) });
  expect(await resumePoint(at('run'))).toEqual({ step: 10, checkpoint: checkpoint('run', 10) });
});

test('an abort saves the steps done, from which it can be resumed as if nothing had been', async () => {
  await complete('whole', RARELY);
  const controller = new AbortController();
  const trainer = await create('run', RARELY);
  const onStep = ({ step }: { step: number }) => step === 3 && controller.abort();
  const result = await trainToEnd(trainer, { signal: controller.signal, onStep });
  await trainer.dispose();
  expect(result).toMatchObject({ step: 3, newSteps: 3, interrupted: true, checkpoint: checkpoint('run', 3) });
  await using resumed = await Trainer.resume(at('run'));
  expect(await trainToEnd(resumed)).toMatchObject({ step: 10, newSteps: 7, interrupted: false });
  expect(await checkpointBytes(checkpoint('run', 10))).toEqual(await checkpointBytes(checkpoint('whole', 10)));
});

test('an abort during an evaluation saves only once the evaluation has stopped', async () => {
  await using trainer = await create('run', { checkpointEvery: 1000, evaluateEvery: 3 });
  const controller = new AbortController();
  const events: string[] = [];
  const { forward, readParameter } = TrainerEngine.prototype;
  jest.spyOn(TrainerEngine.prototype, 'forward').mockImplementation(async function (this: TrainerEngine, ...call) {
    const work = forward.apply(this, call);
    controller.abort();
    await work.catch(() => {});
    await setTimeout(50);
    events.push('evaluation stopped');
    return work;
  });
  jest.spyOn(TrainerEngine.prototype, 'readParameter').mockImplementation(function (this: TrainerEngine, ...call) {
    events.push('parameters read');
    return readParameter.apply(this, call);
  });
  const result = await trainToEnd(trainer, { signal: controller.signal });
  expect(result).toMatchObject({ step: 0, interrupted: true, checkpoint: checkpoint('run', 0) });
  expect(events.slice(0, 2)).toEqual(['evaluation stopped', 'parameters read']);
});

test('a failure of the caller or of a step saves the steps done before it is thrown', async () => {
  await using trainer = await create('run', RARELY);
  const failure = new Error('from the caller');
  const onStep = ({ step }: { step: number }) => {
    if (step === 2) throw failure;
  };
  await expect(trainToEnd(trainer, { onStep })).rejects.toBe(failure);
  expect(await checkpoints('run')).toEqual(['step-000002']);
});

test('data that can no longer be read are such a failure', async () => {
  await using trainer = await create('run', { ...RARELY, targetCacheBytes: 1 });
  const numbers = join(checkpointPath(at('pairs'), 'numbers', 1), '..', '..');
  const animals = join(checkpointPath(at('pairs'), 'animals', 1), '..', '..');
  const onStep = ({ step }: { step: number }) => {
    if (step !== 2) return;
    for (const folder of [numbers, animals]) renameSync(folder, `${folder}-away`);
  };
  await expect(trainToEnd(trainer, { onStep })).rejects.toMatchObject({
    code: expect.stringMatching(/FILE_NOT_FOUND|READ_FAILED|PAIRS_CHANGED/),
  });
  const [saved] = await checkpoints('run');
  expect(saved).toBe(`step-${String(trainer.step).padStart(6, '0')}`);
});

test('a loss that is not finite saves nothing, so that the last good checkpoint stays the newest', async () => {
  await using trainer = await create('run', { ...RARELY, learningRate: 1e30, schedule: 'constant' });
  await expect(trainToEnd(trainer)).rejects.toMatchObject({ code: 'NOT_FINITE' });
  expect(await resumePoint(at('run'))).toEqual({ step: 0, checkpoint: undefined });
});

test('a folder without a run has nothing to resume', async () => {
  expect(await resumePoint(at('pairs'))).toBeUndefined();
});

describe('progress of a run', () => {
  beforeEach(() => {
    jest.spyOn(performance, 'now').mockReturnValue(1000);
  });

  test('of stages that come again and again is reported once where no time passes', async () => {
    await using trainer = await create('run', { evaluateEvery: 1, checkpointEvery: 1 });
    const stages: string[] = [];
    await trainToEnd(trainer, { onProgress: (_, stage) => stages.push(stage) });
    expect(stages).toEqual(['evaluate', 'save']);
  });

  test('of starting one reports the start and end of each stage', async () => {
    const seen: Record<string, number[]> = {};
    const onProgress = (fraction: number, stage: string) => {
      seen[stage] ??= [];
      seen[stage].push(fraction);
    };
    await using _ = await create('run', { onProgress });
    for (const fractions of Object.values(seen)) expect(fractions.length).toBeLessThanOrEqual(2);
    expect(Object.keys(seen)).toEqual(['pairs', 'load', 'initialise', 'importance', 'encode']);
  });
});
