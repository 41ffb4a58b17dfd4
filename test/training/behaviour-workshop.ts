import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdapterLayout, readBaseModel } from '../../src/adapter/index.js';
import { type FinetuneOptions, type FinetuneTask, finetune } from '../../src/finetuning/index.js';
import type { CreateTrainerOptions } from '../../src/training/start-run.js';
import { Trainer } from '../../src/training/trainer.js';
import { writeTinyBase } from '../language/tiny-base.js';
import { stepsOf } from './run-workshop.js';

/** Every prompt of a task has the same answer, and only half of the prompts say which task it is. */
export const BEHAVIOUR_ANSWERS = { animals: 'a cat', plants: 'a red rose', stones: 'jade', tools: 'a saw' };

export function cuedItems(task: string, answer: string): { prompt: string; response: string }[] {
  return Array.from({ length: 8 }, (_, index) => ({
    prompt: index % 2 === 0 ? `Word ${index} of ${task}?` : `Word ${index}?`,
    response: answer,
  }));
}

/** Settings of a joint run alone: enough for a tiny random base to answer one of the answers, whatever is asked. */
export const JOINT_ONLY = {
  ...{ rank: 2, alpha: 4, jointSteps: 40, steps: 0, checkpoints: 0, batch: 6 },
  ...{ learningRate: 0.01, seed: 7, threads: 1 },
} as const satisfies Partial<FinetuneOptions>;

/** For the adapters of a tiny base at rank 2. */
export const TINY_DECODER = {
  features: [
    [4, 8, 16],
    [8, 4, 16],
    [28, 2, 48],
  ],
  kernelSize: 3,
} as const satisfies Partial<CreateTrainerOptions>;

/** A run of eight steps: evaluated after every third, saved after every second. */
export const BEHAVIOUR_RUN = {
  ...TINY_DECODER,
  ...{ encoder: 'hash', loss: 'behaviour', startDeviation: 0.01, weightDecay: 0 },
  ...{ steps: 8, batch: 4, sequences: 3, learningRate: 0.01 },
  ...{ evaluateEvery: 3, checkpointEvery: 2, threads: 2 },
} as const satisfies Partial<CreateTrainerOptions>;

/**
 * A folder for all tests of a file: `base`, tiny and random; `tasks`, and `pairs`, of a joint run on them alone. Runs go
 * to folders beside them.
 */
export function useBehaviourRuns(heldOut: readonly string[] = []) {
  let folder = '';
  const at = (...names: string[]) => join(folder, ...names);
  const options = (name: string, changes: Partial<CreateTrainerOptions> = {}): CreateTrainerOptions => {
    return { ...BEHAVIOUR_RUN, base: at('base'), pairs: at('pairs'), out: at(name), ...changes };
  };
  const create = (name: string, changes?: Partial<CreateTrainerOptions>) => Trainer.create(options(name, changes));
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dnd-test-'));
    await writeTinyBase(at('base'));
    await finetune({
      ...JOINT_ONLY,
      base: at('base'),
      tasks: await writeCuedTasks(at('tasks'), heldOut),
      out: at('pairs'),
    });
  }, 300_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return {
    ...{ at, options, create },
    checkpoint: (name: string, step: number) => at(name, 'checkpoints', `step-${String(step).padStart(6, '0')}`),
    async complete(name: string, changes?: Partial<CreateTrainerOptions>) {
      await using trainer = await create(name, changes);
      return await stepsOf(trainer);
    },
  };
}

/**
 * Pairs beside those of `useBehaviourRuns` whose tasks go on from a joint run, to three checkpoints each.
 * @returns their folder
 */
export async function writePairsWithCheckpoints(at: (...names: string[]) => string): Promise<string> {
  const tasks = Object.keys(BEHAVIOUR_ANSWERS).map((name) => ({ name, train: at('tasks', name, 'train.json') }));
  const out = at('with-checkpoints');
  await finetune({ ...JOINT_ONLY, base: at('base'), tasks, out, jointSteps: 5, steps: 4, checkpoints: 3 });
  return out;
}

async function writeCuedTasks(folder: string, heldOut: readonly string[]): Promise<FinetuneTask[]> {
  const tasks: FinetuneTask[] = [];
  for (const [name, answer] of Object.entries(BEHAVIOUR_ANSWERS)) {
    await mkdir(join(folder, name), { recursive: true });
    const train = join(folder, name, 'train.json');
    await writeFile(train, JSON.stringify(cuedItems(name, answer)));
    tasks.push({ name, train, heldOut: heldOut.includes(name) });
  }
  return tasks;
}

/** The layout of the residual normalisation at rank 2. */
export async function residualLayout(base: string, chunk?: number): Promise<AdapterLayout> {
  return new AdapterLayout({ base: await readBaseModel(base), rank: 2, chunk, normalisation: 'residual' });
}
