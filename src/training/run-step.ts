import type { TaskSums, TrainerEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import { SplitMix64 } from '../random/split-mix.js';
import type { TrainingStep } from './metrics.js';
import type { Sample } from './sampler.js';
import { learningRateAt } from './schedule.js';
import type { TrainingSettings } from './settings.js';
import { STREAMS } from './streams.js';
import type { TrainingData } from './training-data.js';

export interface StepParts {
  engine: Pick<TrainerEngine, 'accumulate' | 'update' | 'resetGradient' | 'disposed'>;
  data: TrainingData;
  importance: Float32Array | null;
  settings: TrainingSettings;
}

/** The largest exact integer in a float64. */
const KEY_LIMIT = 2 ** 53 - 1;

/**
 * One update of the parameters.
 * @param step number of steps done before
 * @throws DndError NOT_FINITE for a non-finite loss or gradient, errors of data and engine, `signal.reason`; all before
 * anything has changed
 */
export async function runStep(step: number, parts: StepParts, signal: AbortSignal): Promise<TrainingStep> {
  const { engine, settings } = parts;
  const start = performance.now();
  try {
    const { samples, sums, dataMs } = await accumulate(step, parts, signal);
    const loss = lossOf(sums);
    if (!Number.isFinite(loss)) throw notFinite('the loss', loss, step, samples);
    const learningRate = learningRateAt(step, settings);
    // Without the signal: the update is short, and must complete once started.
    const gradientNorm = await engine.update(learningRate);
    if (!Number.isFinite(gradientNorm)) throw notFinite("the gradient's norm", gradientNorm, step, samples);
    return {
      step: step + 1,
      loss,
      normRatio: Math.sqrt(total(sums, 'outputSquares') / (total(sums, 'targetSquares') || 1)),
      gradientNorm,
      learningRate,
      taskLosses: taskLossesOf(samples, sums),
      seconds: (performance.now() - start) / 1000,
      dataSeconds: dataMs / 1000,
    };
  } catch (error) {
    // Gradients of the first micro-batches must not leak into the next step.
    if (!engine.disposed) engine.resetGradient();
    throw error;
  }
}

/** Forward and backward passes of all micro-batches of the step. */
async function accumulate(
  step: number,
  { engine, data, importance, settings }: StepParts,
  signal: AbortSignal,
): Promise<{ samples: Sample[]; sums: TaskSums[]; dataMs: number }> {
  const { batch, seed, conditionNoise, targetNoise } = settings;
  const key = SplitMix64.derived(seed, STREAMS.noise).below(KEY_LIMIT);
  const places = data.firsts.map((first) => ({ step, first }));
  const afterwards = step + 1 < settings.steps ? { step: step + 1, first: 0 } : undefined;
  const samples: Sample[] = [];
  const sums: TaskSums[] = [];
  let dataMs = 0;
  for (const [index, place] of places.entries()) {
    const waitingSince = performance.now();
    const micro = await data.take(place, places[index + 1] ?? afterwards, signal);
    dataMs += performance.now() - waitingSince;
    const { condition, target, samples: own } = micro;
    const noise = { key, stream: step * batch + place.first, condition: conditionNoise, target: targetNoise };
    const tasks = { condition, target, importance, batch: own.length, weight: own.length / batch, noise };
    sums.push(...(await engine.accumulate(tasks, { signal })));
    samples.push(...own);
  }
  return { samples, sums, dataMs };
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
  const byTask = new Map<string, Set<string>>();
  for (const { task, checkpoint } of samples) byTask.set(task, (byTask.get(task) ?? new Set()).add(checkpoint.name));
  const list = Array.from(byTask, ([task, names]) => `task ${task} (${[...names].join(', ')})`);
  return new DndError(
    'NOT_FINITE',
    `${what} became ${value} in step ${step + 1}, over ${list.join(' and ')}: the step was discarded, ` +
      'and the last checkpoint is unchanged. Lower learningRate or maxGradientNorm, or check these checkpoints',
  );
}
