import type { TaskSums, TrainerEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import { SplitMix64 } from '../random.js';
import type { Sample } from './sampler.js';
import { learningRateAt } from './schedule.js';
import type { TrainingSettings } from './settings.js';
import type { TrainingStep } from './steps.js';
import { STREAMS } from './streams.js';
import type { TrainingData } from './training-data.js';

export interface StepParts {
  engine: Pick<TrainerEngine, 'accumulate' | 'update' | 'resetGradient'>;
  data: TrainingData;
  importance: Float32Array | null;
  settings: TrainingSettings;
}

/** Of a whole number that a float64 holds. */
const KEY_LIMIT = 2 ** 53 - 1;

/**
 * One update of the parameters.
 * @param step how many were done before
 * @throws DndError NOT_FINITE for a loss or gradient that is not, before anything has changed; as data and engine;
 * `signal.reason` before anything has changed
 */
export async function runStep(step: number, parts: StepParts, signal: AbortSignal): Promise<TrainingStep> {
  const { engine, data, importance, settings } = parts;
  const { batch, conditionNoise, targetNoise } = settings;
  const began = performance.now();
  const key = SplitMix64.derived(settings.seed, STREAMS.noise).below(KEY_LIMIT);
  const samples: Sample[] = [];
  const sums: TaskSums[] = [];
  let dataMs = 0;
  for (const [index, first] of data.firsts.entries()) {
    const asked = performance.now();
    const nextFirst = data.firsts[index + 1];
    const next =
      nextFirst !== undefined
        ? { step, first: nextFirst }
        : step + 1 < settings.steps
          ? { step: step + 1, first: 0 }
          : undefined;
    const micro = await data.take({ step, first }, next, signal);
    dataMs += performance.now() - asked;
    const size = micro.samples.length;
    const noise = { key, stream: step * batch + first, condition: conditionNoise, target: targetNoise };
    const { condition, target } = micro;
    const tasks = { condition, target, importance, batch: size, weight: size / batch, noise };
    sums.push(...(await engine.accumulate(tasks, { signal })));
    samples.push(...micro.samples);
  }
  const loss = lossOf(sums);
  if (!Number.isFinite(loss)) {
    engine.resetGradient();
    throw notFinite('the loss', loss, step, samples);
  }
  const learningRate = learningRateAt(step, settings);
  // Without the signal: once begun it is short, and what it has done must be known.
  const gradientNorm = await engine.update(learningRate);
  if (!Number.isFinite(gradientNorm)) throw notFinite("the gradient's norm", gradientNorm, step, samples);
  return {
    step: step + 1,
    loss,
    normRatio: Math.sqrt(total(sums, 'outputSquares') / (total(sums, 'targetSquares') || 1)),
    gradientNorm,
    learningRate,
    taskLosses: taskLossesOf(samples, sums),
    seconds: (performance.now() - began) / 1000,
    dataSeconds: dataMs / 1000,
  };
}

function total(sums: readonly TaskSums[], key: keyof TaskSums): number {
  return sums.reduce((sum, task) => sum + task[key], 0);
}

function lossOf(sums: readonly TaskSums[]): number {
  return total(sums, 'weightedSquares') / total(sums, 'valid');
}

function taskLossesOf(samples: readonly Sample[], sums: readonly TaskSums[]): Record<string, number> {
  const byTask = new Map<string, TaskSums[]>();
  for (const [place, { task }] of samples.entries()) byTask.set(task, [...(byTask.get(task) ?? []), sums[place]!]);
  return Object.fromEntries(Array.from(byTask, ([task, own]) => [task, lossOf(own)]));
}

function notFinite(what: string, value: number, step: number, samples: readonly Sample[]): DndError {
  const list = samples.map(({ task, checkpoint }) => `${checkpoint.name} of task ${task}`);
  return new DndError(
    'NOT_FINITE',
    `${what} became ${value} in step ${step + 1}, over ${[...new Set(list)].join(', ')}: nothing of that step was kept, ` +
      'and the last checkpoint is as it was; lower learningRate or maxGradientNorm, or look at these checkpoints',
  );
}
