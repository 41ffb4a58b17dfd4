import { createHash } from 'node:crypto';
import { type Feature, type OptimiserOptions, TrainerEngine, type TrainingTasks } from '../../src/engine/index.js';
import { elementCount } from '../../src/formats/dtypes.js';
import { numbers, sizeOf } from './decoders.js';

export const ADAMW: OptimiserOptions = {
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 0.1,
  maxGradientNorm: 1,
  moments: 'fp32',
};

/** Milliseconds of work; some parameters are large enough to have 8-bit moments (4,096 elements). */
export const MIDDLE: Feature[] = [
  [4, 16, 24],
  [4, 16, 24],
  [12, 8, 22],
];
/** More layers, between which there are more ways to spend memory. */
export const DEEP: Feature[] = [...Array<Feature>(5).fill([4, 16, 24]), [12, 8, 22]];
/** Seconds of work for one core: for what happens while a job runs. */
export const LARGE: Feature[] = [
  [128, 64, 128],
  [256, 64, 128],
  [256, 64, 128],
];
export const KERNEL_SIZE = 5;

interface Options {
  threads?: number;
  algorithm?: 'direct' | 'spectral';
  moments?: OptimiserOptions['moments'];
  memoryLimitBytes?: number;
}

/** An initialised decoder in training. */
export async function createTrainer(features: Feature[] = MIDDLE, { moments = 'fp32', ...rest }: Options = {}) {
  const optimiser = { ...ADAMW, moments };
  const engine = await TrainerEngine.create({ features, kernelSize: KERNEL_SIZE, optimiser, ...rest });
  await engine.initialise(7);
  return engine;
}

/** Tasks for a decoder of these features: some elements of the target are not there, some tokens count more. */
export function tasksFor(features: Feature[], batch = 2, seed = 1) {
  const last = features.at(-1)!;
  const target = numbers(batch * sizeOf(last), seed + 50);
  for (let index = 0; index < target.length; index += 7) target[index] = Number.NaN;
  return {
    condition: numbers(batch * sizeOf(features[0]!), seed),
    target,
    importance: numbers(last[0], 99).map((value) => 1 + value / 2),
    batch,
    noise: { key: 5, stream: 1000 * seed, condition: 1e-2, target: 1e-3 },
  } satisfies TrainingTasks;
}

/** Trains for steps `from`, …, `to` − 1, each with tasks of its own. */
export async function train(engine: TrainerEngine, from: number, to: number): Promise<number[]> {
  const norms: number[] = [];
  for (let step = from; step < to; step++) {
    await engine.accumulate(tasksFor([...engine.features], 2, step + 1));
    norms.push(await engine.update(1e-2));
  }
  return norms;
}

/** The contents of a checkpoint: parameters, optimiser state and step. */
export function everythingOf(engine: TrainerEngine) {
  return {
    parameters: new Map(engine.parameters.map(({ name, shape }) => [name, readAll(engine, name, shape)])),
    states: new Map(
      engine.states.map(({ name, dtype, elements }) => [
        name,
        engine.readState(name, 0, elements * (dtype === 'F32' ? 4 : 1)),
      ]),
    ),
    step: engine.step,
  };
}

/** Of all that, and of what else is given. */
export function digestOf(engine: TrainerEngine, ...others: number[][]): string {
  const { parameters, states, step } = everythingOf(engine);
  const hash = createHash('sha256').update(JSON.stringify([step, ...others]));
  for (const values of [...parameters.values(), ...states.values()]) hash.update(values);
  return hash.digest('hex');
}

export function gradientsOf(engine: TrainerEngine): Map<string, Float32Array> {
  return new Map(engine.parameters.map(({ name, shape }) => [name, engine.readGradient(name, 0, elementCount(shape))]));
}

function readAll(engine: TrainerEngine, name: string, shape: number[]) {
  return engine.readParameter(name, 0, elementCount(shape));
}
