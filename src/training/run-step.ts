import type { TaskSums, TrainerEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import { SplitMix64 } from '../random/split-mix.js';
import type { Behaviour, BehaviourGradient, BehaviourSums } from './behaviour/index.js';
import type { DeltaLoss } from './delta-loss.js';
import type { TrainingStep } from './metrics.js';
import { drawSequences, type Sample } from './sampler.js';
import { learningRateAt } from './schedule.js';
import type { LossKind, TrainingSettings } from './settings.js';
import { STREAMS } from './streams.js';
import type { Targets } from './targets.js';
import type { MicroBatch, TrainingData } from './training-data.js';

export interface StepParts {
  engine: Pick<TrainerEngine, 'accumulate' | 'forward' | 'update' | 'resetGradient' | 'disposed'>;
  data: TrainingData;
  importance: Float32Array | null;
  /** null but for the targets 'delta', whose loss then is the token loss. */
  delta: Pick<DeltaLoss, 'gradient'> | null;
  settings: TrainingSettings;
  /** null for the loss 'tokens'. */
  behaviour: Behaviour | null;
  /** Checkpoints as adapters; null but for the behaviour target 'checkpoints'. */
  teachers: Targets | null;
}

/** What the batch of a step gave, sample by sample. */
interface Accumulated {
  samples: Sample[];
  /** Of the token loss; zeros without it. */
  sums: TaskSums[];
  /** Of the behaviour loss; empty without it. */
  likelihoods: BehaviourSums[];
  dataMs: number;
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
    const kind = lossAt(step, settings);
    const { dataMs, ...accumulated } = await accumulate(step, kind, parts, signal);
    const { samples } = accumulated;
    const losses = lossesOf(accumulated, kind, settings);
    const { loss } = losses;
    if (!Number.isFinite(loss)) throw notFinite('the loss', loss, step, samples);
    const learningRate = learningRateAt(step, settings);
    // Without the signal: the update is short, and must complete once started.
    const gradientNorm = await engine.update(learningRate);
    if (!Number.isFinite(gradientNorm)) throw notFinite("the gradient's norm", gradientNorm, step, samples);
    return {
      step: step + 1,
      ...losses,
      gradientNorm,
      learningRate,
      taskLosses: taskLossesOf(accumulated, kind, settings),
      seconds: (performance.now() - start) / 1000,
      dataSeconds: dataMs / 1000,
    };
  } catch (error) {
    // Gradients of the first micro-batches must not leak into the next step.
    if (!engine.disposed) engine.resetGradient();
    throw error;
  }
}

/**
 * What a step, counted from 0, minimises: the run's loss or, of a run with two and `tokenSteps`, first the token loss and
 * then the behaviour loss.
 */
function lossAt(step: number, { loss, tokenSteps }: Pick<TrainingSettings, 'loss' | 'tokenSteps'>): LossKind {
  if (loss !== 'both' || tokenSteps === 0) return loss;
  return step < tokenSteps ? 'tokens' : 'behaviour';
}

/** Forward and backward passes of all micro-batches of the step. `kind`: what the step minimises. */
async function accumulate(
  step: number,
  kind: LossKind,
  { engine, data, importance, settings, teachers, ...parts }: StepParts,
  signal: AbortSignal,
): Promise<Accumulated> {
  const { batch, seed, targetNoise } = settings;
  const behaviour = kind === 'tokens' ? null : parts.behaviour;
  const delta = kind === 'behaviour' ? null : parts.delta;
  // These losses are those of the adapter which `forward` gives, without noise.
  const conditionNoise = behaviour || delta ? 0 : settings.conditionNoise;
  const key = SplitMix64.derived(seed, STREAMS.noise).below(KEY_LIMIT);
  const places = data.firsts.map((first) => ({ step, first }));
  const afterwards = step + 1 < settings.steps ? { step: step + 1, first: 0 } : undefined;
  const samples: Sample[] = [];
  const sums: TaskSums[] = [];
  const likelihoods: BehaviourSums[] = [];
  let dataMs = 0;
  for (const [index, place] of places.entries()) {
    const waitingSince = performance.now();
    const micro = await data.take(place, places[index + 1] ?? afterwards, signal);
    dataMs += performance.now() - waitingSince;
    const { condition, samples: own } = micro;
    const target = kind === 'behaviour' ? null : micro.target;
    const noise = { key, stream: step * batch + place.first, condition: conditionNoise, target: targetNoise };
    const weight = own.length / batch;
    const generated = behaviour || delta ? await engine.forward(condition, own.length, { signal }) : null;
    const outputGradients: Float32Array[] = [];
    if (behaviour) {
      const gradient = await behaviourGradient(generated!, micro, { kind, settings, behaviour, teachers }, signal);
      outputGradients.push(gradient.outputGradient);
      likelihoods.push(...gradient.sums);
    }
    if (delta) {
      const gradient = await delta.gradient(generated!, target!, own.length, 1 / batch, signal);
      outputGradients.push(gradient.outputGradient);
      sums.push(...gradient.sums);
    }
    const outputGradient = sumOf(outputGradients);
    const tasks = { condition, outputGradient, importance, batch: own.length, weight, noise };
    const ofTokens = await engine.accumulate({ ...tasks, target: delta ? null : target }, { signal });
    if (!delta) sums.push(...ofTokens);
    samples.push(...own);
  }
  return { samples, sums, likelihoods, dataMs };
}

/** The first one, with the others added to it; null without any. */
function sumOf([first, ...others]: readonly Float32Array[]): Float32Array | null {
  if (!first) return null;
  for (const other of others) for (let i = 0; i < other.length; i++) first[i]! += other[i]!;
  return first;
}

/** Of a micro-batch: each of its samples has the same share of the step's loss. */
async function behaviourGradient(
  tokens: Float32Array,
  { step, first, samples }: Pick<MicroBatch, 'step' | 'first' | 'samples'>,
  {
    kind,
    settings,
    behaviour,
    teachers,
  }: Pick<StepParts, 'settings' | 'teachers'> & { kind: LossKind; behaviour: Behaviour },
  signal: AbortSignal,
): Promise<BehaviourGradient> {
  const { seed, batch, sequences: count, behaviourWeight } = settings;
  const drawn = samples.map(({ task }, index) =>
    drawSequences(behaviour.examples.get(task)!, { seed, step, place: first + index, count }),
  );
  const weight = (kind === 'both' ? behaviourWeight : 1) / batch;
  if (!teachers) return behaviour.gradient(tokens, drawn, { weight, signal });
  const own: Float32Array[] = [];
  for (const { checkpoint } of samples) own.push(await teachers.of(checkpoint!, signal));
  return behaviour.gradient(tokens, drawn, { weight, teachers: own, signal });
}

/** The step's loss and, in a run with two, its parts. */
function lossesOf(
  { sums, likelihoods }: Pick<Accumulated, 'sums' | 'likelihoods'>,
  kind: LossKind,
  { loss: ofRun, behaviourWeight }: Pick<TrainingSettings, 'loss' | 'behaviourWeight'>,
): Pick<TrainingStep, 'loss' | 'tokenLoss' | 'behaviourLoss' | 'normRatio'> {
  const behaviourLoss = likelihoods.reduce((total, one) => total + one.sum / one.tokens, 0) / likelihoods.length;
  if (kind === 'behaviour') return { loss: behaviourLoss, behaviourLoss, normRatio: null };
  const tokenLoss = lossOf(sums);
  const normRatio = Math.sqrt(total(sums, 'outputSquares') / (total(sums, 'targetSquares') || 1));
  if (kind === 'tokens') return { loss: tokenLoss, ...(ofRun === 'both' ? { tokenLoss } : {}), normRatio };
  return { loss: tokenLoss + behaviourWeight * behaviourLoss, tokenLoss, behaviourLoss, normRatio };
}

function total(sums: readonly TaskSums[], key: keyof TaskSums): number {
  return sums.reduce((sum, task) => sum + task[key], 0);
}

function lossOf(sums: readonly TaskSums[]): number {
  return total(sums, 'weightedSquares') / total(sums, 'valid');
}

function taskLossesOf(
  { samples, sums, likelihoods }: Pick<Accumulated, 'samples' | 'sums' | 'likelihoods'>,
  kind: LossKind,
  settings: TrainingSettings,
): Record<string, number> {
  const byTask = new Map<string, number[]>();
  for (const [place, { task }] of samples.entries()) byTask.set(task, [...(byTask.get(task) ?? []), place]);
  return Object.fromEntries(
    Array.from(byTask, ([task, places]) => {
      const own = <T>(all: readonly T[]) => places.flatMap((place) => all.slice(place, place + 1));
      return [task, lossesOf({ sums: own(sums), likelihoods: own(likelihoods) }, kind, settings).loss];
    }),
  );
}

function notFinite(what: string, value: number, step: number, samples: readonly Sample[]): DndError {
  const byTask = new Map<string, Set<string>>();
  for (const { task, checkpoint } of samples)
    byTask.set(task, (byTask.get(task) ?? new Set()).add(checkpoint?.name ?? 'responses'));
  const list = Array.from(byTask, ([task, names]) => `task ${task} (${[...names].join(', ')})`);
  return new DndError(
    'NOT_FINITE',
    `${what} became ${value} in step ${step + 1}, over ${list.join(' and ')}: the step was discarded, ` +
      'and the last checkpoint is unchanged. Lower learningRate or maxGradientNorm, or check these checkpoints',
  );
}
