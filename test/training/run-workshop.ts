import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Generator } from '../../src/generator/generator.js';
import type { Evaluation, TrainingStep } from '../../src/training/metrics.js';
import type { CreateTrainerOptions } from '../../src/training/start-run.js';
import type { RunOptions } from '../../src/training/trainer.js';
import { Trainer } from '../../src/training/trainer.js';
import { TINY_TOKENS } from '../generator/tiny.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { type PairsSettings, writePairs } from './workshop.js';

/** A run of ten steps over tiny pairs: evaluated after every third step, saved after every fourth. */
const TINY_RUN = {
  encoder: 'hash',
  features: [[4, 8, 16], [6, 6, 12], TINY_TOKENS],
  kernelSize: 3,
  steps: 10,
  batch: 4,
  learningRate: 1e-3,
  evaluateEvery: 3,
  checkpointEvery: 4,
  threads: 2,
} as const satisfies Partial<CreateTrainerOptions>;

/** animals has held-out checkpoints, plants is held out. */
export const TINY_PAIRS: PairsSettings = {
  tasks: { animals: { checkpoints: 6 }, numbers: {}, plants: {} },
  heldOut: ['plants'],
};

/** A temporary folder for every test, with pairs in `pairs`. Runs go to folders beside it. */
export function useRuns(pairs: PairsSettings = TINY_PAIRS) {
  const temporary = useTemporaryFolder();
  const at = (...names: string[]) => join(temporary(), ...names);
  beforeEach(() => writePairs(at('pairs'), pairs));
  return {
    at,
    create: (name: string, changes: Partial<CreateTrainerOptions> = {}) =>
      Trainer.create({ ...TINY_RUN, pairs: at('pairs'), out: at(name), ...changes }),
    /** Begins a run and goes through with it. */
    async complete(name: string, changes: Partial<CreateTrainerOptions> = {}): Promise<TrainingStep[]> {
      const trainer = await Trainer.create({ ...TINY_RUN, pairs: at('pairs'), out: at(name), ...changes });
      try {
        return await stepsOf(trainer);
      } finally {
        await trainer.dispose();
      }
    },
    checkpoint: (name: string, step: number) => at(name, 'checkpoints', `step-${String(step).padStart(6, '0')}`),
    metrics: (name: string) => metricsOf(at(name)),
  };
}

/** What a generator folder, or a checkpoint, generates from prompts: the elements of each tensor by its name. */
export async function generatedFrom(
  folder: string,
  prompts: readonly string[],
  threads: number,
): Promise<Map<string, Float32Array>> {
  await using generator = await Generator.load(folder, { threads, device: 'cpu' });
  const { tensors } = await generator.generate(prompts);
  return new Map(Array.from(tensors, ([name, { data }]) => [name, data]));
}

/** At most `most` steps of a trainer. */
export async function stepsOf(trainer: Trainer, most = Infinity, options: RunOptions = {}): Promise<TrainingStep[]> {
  const steps: TrainingStep[] = [];
  if (most === 0) return steps;
  for await (const step of trainer.run(options)) {
    steps.push(step);
    if (steps.length >= most) break;
  }
  return steps;
}

/** The lines of metrics.jsonl without what the clock says. */
export async function metricsOf(run: string): Promise<(Partial<TrainingStep> & Partial<Evaluation>)[]> {
  const text = await readFile(join(run, 'metrics.jsonl'), 'utf8');
  const lines = text.trimEnd().split('\n');
  return lines.map((line) => {
    const { seconds: _, dataSeconds: __, ...rest } = JSON.parse(line);
    return rest;
  });
}

/** The bytes of everything in a checkpoint that must be the same whenever and however it was made, but for the clock's. */
export async function checkpointBytes(checkpoint: string): Promise<Record<string, Buffer>> {
  const names = ['decoder.safetensors', 'optimiser.safetensors', 'generator.json'];
  const contents = await Promise.all(names.map((name) => readFile(join(checkpoint, name))));
  return Object.fromEntries(names.map((name, index) => [name, contents[index]!]));
}
