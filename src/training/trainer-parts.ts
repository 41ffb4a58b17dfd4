import { join } from 'node:path';
import type { AdapterLayout } from '../adapter/index.js';
import { TrainerEngine } from '../engine/index.js';
import { DESCRIPTION_FORM } from '../generator/condition-form.js';
import { conditionShape } from '../generator/decoder-shape.js';
import { BasisDecoder, type StepDecoder } from './basis-decoder.js';
import { type BaseWithExamples, Behaviour, loadBase } from './behaviour/index.js';
import { checkpointBytes, engineLimit } from './decoder-memory.js';
import { deltaDeviations } from './delta-deviations.js';
import { DeltaLoss } from './delta-loss.js';
import { type ResponseTask, responseTasks } from './evaluate-responses.js';
import type { EvaluationTask } from './evaluation.js';
import { HiddenStatesCache } from './hidden-states-cache.js';
import type { LearnedBasisDecoder } from './learned-basis.js';
import type { MetricsFile } from './metrics-file.js';
import { importanceOf, RAW_WEIGHTS, readElements, readTokens, type TargetWeights } from './pairs/index.js';
import type { Preparation } from './prepare.js';
import type { OnTrainingProgress } from './progress.js';
import { CACHE_FOLDER } from './run-folder.js';
import type { RunLock } from './run-lock.js';
import { evaluationSample, type SampledTask } from './sampler.js';
import { Targets } from './targets.js';
import { TrainingData } from './training-data.js';

/** The progress of a run. */
export interface Position {
  /** Number of steps done. */
  step: number;
  /** The last evaluated step, and the step of the newest checkpoint; −1: none. */
  evaluated: number;
  saved: number;
}

/** Everything that a Trainer uses and owns. */
export interface TrainerParts extends Preparation {
  folder: string;
  lock: RunLock;
  metrics: MetricsFile;
  engine: TrainerEngine;
  /** The engine with the basis that is learned with it; null without one. */
  learned: LearnedBasisDecoder | null;
  /** The run's copy of the text encoder; undefined if it has no files. */
  encoderFolder: string | undefined;
  work: WorkingParts;
  position: Position;
}

export interface WorkingParts {
  states: HiddenStatesCache;
  /** The engine, and what makes weight tokens of its output. */
  decoder: StepDecoder;
  /** Weight tokens or, with the targets 'delta', adapters. */
  targets: Targets;
  /** null but for the targets 'delta'. */
  delta: DeltaLoss | null;
  data: TrainingData;
  /** Those that are trained on. */
  tasks: readonly SampledTask[];
  /** Of weight tokens; null without token importance, and with a basis. */
  importance: Float32Array | null;
  evaluationTasks: readonly EvaluationTask[];
  /** null for the loss 'tokens'. */
  behaviour: Behaviour | null;
  /** null but for the behaviour target 'checkpoints'. */
  teachers: Targets | null;
  /** Tasks whose responses are evaluated. */
  responseTasks: readonly ResponseTask[];
}

/** Callbacks and signal of `Trainer.create`, `Trainer.resume` and `planRun`. */
export interface MakeOptions {
  /** Stops the work; the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Called with the fraction done, from 0 to 1, and the stage. */
  onProgress?: OnTrainingProgress | undefined;
  /** Called with warnings about problems that do not block training. */
  onNotice?: ((message: string) => void) | undefined;
}

/** The decoder for training, reserved but not filled. Errors: as `TrainerEngine.create` */
export function createEngine(
  preparation: Pick<Preparation, 'manifest' | 'layout' | 'settings'>,
): Promise<TrainerEngine> {
  const { manifest, settings } = preparation;
  const { threads, algorithm, device } = settings;
  const { beta1, beta2, eps, weightDecay, maxGradientNorm, moments, loss, targets } = settings;
  return TrainerEngine.create({
    ...manifest.decoder,
    threads,
    memoryLimitBytes: engineLimit(preparation),
    algorithm,
    device,
    optimiser: { beta1, beta2, eps, weightDecay, maxGradientNorm, moments },
    outputGradients: loss !== 'tokens' || targets === 'delta',
  });
}

/**
 * Loads the base model and what it shall answer, for the behaviour loss.
 * @returns null for the loss 'tokens'
 * @throws DndError as `loadBase`; `signal.reason`
 */
export async function loadBaseFor(
  { settings, split }: Preparation,
  { signal, onProgress }: MakeOptions,
): Promise<BaseWithExamples | null> {
  const { loss, base, system, threads, precision, memoryLimit } = settings;
  if (loss === 'tokens') return null;
  const tasks = split.training.map(({ task }) => task);
  return loadBase(base!, tasks, {
    ...{ system, threads, precision, memoryLimitBytes: memoryLimit, signal },
    onProgress: (fraction, stage) => onProgress?.(fraction, stage),
  });
}

/**
 * Creates the data sources of samples and evaluations: computes token importance, and encodes as many prompts as fit
 * into the caches.
 * @param base owned by the result
 * @throws DndError as `readTarget` and `TextEncoder.encode`; `signal.reason`
 */
export async function makeWorkingParts(
  preparation: Preparation,
  folder: string,
  { engine, learned }: Pick<TrainerParts, 'engine' | 'learned'>,
  base: BaseWithExamples | null,
  options: MakeOptions,
): Promise<WorkingParts> {
  const { signal, onProgress } = options;
  const { settings, split, pairs, manifest, layout, basis, encoder, texts } = preparation;
  const usesTargets = settings.loss !== 'behaviour';
  const delta = settings.targets === 'delta' ? await deltaLossFor(preparation, options) : null;
  const cache = join(folder, CACHE_FOLDER);
  const importance =
    usesTargets && !delta && !basis && settings.tokenImportance
      ? await importanceFor(preparation, cache, options)
      : null;
  const [prompts] = conditionShape(manifest.decoder);
  const { seed, batch, microBatch, promptCacheBytes, promptDiskBytes, targetCacheBytes } = settings;
  const sampled = (name: string, checkpoints: SampledTask['checkpoints']) => {
    return { name, texts: texts.get(name)!, checkpoints };
  };
  const tasks = split.training.map(({ task, checkpoints }) => sampled(task.name, checkpoints));
  const evaluationTasks = split.evaluation.map(({ task, heldOut, checkpoints }) => {
    const most = settings.evaluationCheckpoints;
    return { name: task.name, heldOut, ...evaluationSample(sampled(task.name, checkpoints), { seed, prompts, most }) };
  });
  const states = new HiddenStatesCache({
    encoder,
    condition: manifest.condition,
    folder: join(cache, 'prompts'),
    memoryBytes: promptCacheBytes,
    diskBytes: promptDiskBytes,
    // Old checkpoints are removed only once the new one is in place.
    reserveBytes:
      (settings.keepCheckpoints + 1) *
      checkpointBytes({ parameters: engine.parameterBytes, states: engine.stateBytes }, preparation),
  });
  await states.encodeAhead(
    [...tasks, ...evaluationTasks].flatMap((task) => task.texts),
    {
      signal,
      onProgress: (fraction) => onProgress?.(fraction, 'encode'),
    },
  );
  const taught = base !== null && settings.behaviourTarget === 'checkpoints';
  const cacheBytes = taught && usesTargets ? targetCacheBytes / 2 : targetCacheBytes;
  const targets = targetsOf(preparation, cacheBytes);
  const teachers = taught ? adaptersOf(layout, RAW_WEIGHTS, cacheBytes) : null;
  const data = new TrainingData({
    ...{ tasks, states, seed, batch, prompts },
    targets: usesTargets ? stepTargets(preparation, targets) : null,
    microBatch: microBatch ?? batch,
    someTexts: settings.form === DESCRIPTION_FORM,
  });
  const { threads, evaluationTasks: mostTasks, evaluationItems: mostItems } = settings;
  const items = new Map(pairs.tasks.map((task) => [task.name, task.items]));
  const behaviour = base && new Behaviour({ ...base, layout, adapter: pairs.adapter, threads });
  return {
    ...{ states, targets, delta, data, tasks, importance, evaluationTasks, behaviour, teachers },
    decoder: learned ?? (basis ? new BasisDecoder(engine, basis) : engine),
    responseTasks: responseTasks(evaluationTasks, (name) => items.get(name)!, { seed, mostTasks, mostItems }),
  };
}

/** Whole checkpoints as the loss takes them: adapters with the targets 'delta', weight tokens otherwise. */
function targetsOf({ settings, layout, weights }: Preparation, memoryBytes: number): Targets {
  if (settings.targets === 'delta') return adaptersOf(layout, weights, memoryBytes);
  const { read } = weights;
  return new Targets(
    layout.size,
    (checkpoint, signal) => readTokens(checkpoint, layout, { read, signal }),
    memoryBytes,
  );
}

/** Whole checkpoints as adapters, [elementCount]. */
function adaptersOf(layout: AdapterLayout, { read }: TargetWeights, memoryBytes: number): Targets {
  return new Targets(
    layout.elementCount,
    (checkpoint, signal) => readElements(checkpoint, layout, { read, signal }),
    memoryBytes,
  );
}

/** What the loss of a step compares with: coefficients where the decoder ends in them and the loss is that of tokens. */
function stepTargets({ settings, layout, weights, basis }: Preparation, targets: Targets): Targets {
  if (!basis || settings.targets === 'delta') return targets;
  const { read } = weights;
  return new Targets(
    basis.count,
    async (checkpoint, signal) => basis.coefficients(await readTokens(checkpoint, layout, { read, signal }), signal),
    settings.targetCacheBytes,
  );
}

/** In the unit of the training checkpoints' deviations. */
async function deltaLossFor(
  { settings, split, layout }: Preparation,
  { signal, onProgress }: MakeOptions,
): Promise<DeltaLoss> {
  const checkpoints = split.training.flatMap((task) => task.checkpoints);
  const deviations = await deltaDeviations(checkpoints, layout, {
    signal,
    onProgress: (fraction) => onProgress?.(fraction, 'normalisation'),
  });
  return new DeltaLoss(layout, deviations, settings.threads);
}

/** Of the training checkpoints. */
async function importanceFor(
  { split, layout, weights }: Preparation,
  cacheFolder: string,
  { signal, onProgress, onNotice }: MakeOptions,
): Promise<Float32Array> {
  const tasks = split.training.map(({ task, checkpoints }) => ({ ...task, heldOut: false, checkpoints }));
  const { values, warnings } = await importanceOf({ tasks }, layout, {
    cacheFolder,
    weights,
    signal,
    onProgress: (fraction) => onProgress?.(fraction, 'importance'),
  });
  for (const warning of warnings) onNotice?.(warning);
  return values;
}
