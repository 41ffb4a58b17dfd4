import { join } from 'node:path';
import { TrainerEngine } from '../engine/index.js';
import { conditionShape } from '../generator/decoder-shape.js';
import type { GeneratorManifest } from '../generator/manifest.js';
import type { EvaluationTask } from './evaluation.js';
import type { MetricsFile } from './metrics-file.js';
import { importanceOf, readTarget } from './pairs/index.js';
import type { Preparation } from './prepare.js';
import type { OnTrainingProgress } from './progress.js';
import { PromptStates } from './prompt-states.js';
import { CACHE_FOLDER } from './run-folder.js';
import type { RunLock } from './run-lock.js';
import { evaluationSample, type SampledTask } from './sampler.js';
import type { TrainingSettings } from './settings.js';
import { Targets } from './targets.js';
import { TrainingData } from './training-data.js';

/** How far a run is. */
export interface Position {
  /** Updates that were done. */
  step: number;
  /** The step that was evaluated last, and the step of the newest checkpoint; −1: none. */
  evaluated: number;
  saved: number;
}

/** Everything that a Trainer works with, and frees. */
export interface TrainerParts extends Preparation {
  folder: string;
  lock: RunLock;
  metrics: MetricsFile;
  engine: TrainerEngine;
  /** The run's copy of the text encoder; undefined where it has no files. */
  encoderFolder: string | undefined;
  work: WorkingParts;
  position: Position;
}

export interface WorkingParts {
  states: PromptStates;
  targets: Targets;
  data: TrainingData;
  importance: Float32Array | null;
  evaluationTasks: readonly EvaluationTask[];
}

/** What watches and stops the making. */
export interface MakeOptions {
  signal?: AbortSignal | undefined;
  onProgress?: OnTrainingProgress | undefined;
  /** Hears of what was gone on in spite of, in sentences for people. */
  onNotice?: ((message: string) => void) | undefined;
}

/** The decoder in training, reserved but not filled. Errors: as `TrainerEngine.create` */
export function createEngine({ decoder }: GeneratorManifest, settings: TrainingSettings): Promise<TrainerEngine> {
  const { threads, memoryLimit, algorithm, device } = settings;
  const { beta1, beta2, eps, weightDecay, maxGradientNorm, moments } = settings;
  return TrainerEngine.create({
    ...decoder,
    threads,
    memoryLimitBytes: memoryLimit,
    algorithm,
    device,
    optimiser: { beta1, beta2, eps, weightDecay, maxGradientNorm, moments },
  });
}

/**
 * Makes what samples and evaluations come from: computes token importance, and encodes the prompts that there is room
 * for.
 * @throws DndError as `readTarget` and `TextEncoder.encode`; `signal.reason`
 */
export async function makeWorkingParts(
  { settings, split, manifest, layout, encoder, texts }: Preparation,
  folder: string,
  engine: Pick<TrainerEngine, 'parameterBytes' | 'stateBytes'>,
  options: MakeOptions,
): Promise<WorkingParts> {
  const { signal, onProgress } = options;
  const cache = join(folder, CACHE_FOLDER);
  const importance = settings.tokenImportance ? await importanceFor(split, layout, cache, options) : null;
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
  const states = new PromptStates({
    encoder,
    condition: manifest.condition,
    folder: join(cache, 'prompts'),
    memoryBytes: promptCacheBytes,
    diskBytes: promptDiskBytes,
    // The old checkpoints go only when a new one is in place.
    reserveBytes: (settings.keepCheckpoints + 1) * (engine.parameterBytes + engine.stateBytes),
  });
  await states.encodeAhead(
    [...tasks, ...evaluationTasks].flatMap((task) => task.texts),
    {
      signal,
      onProgress: (fraction) => onProgress?.(fraction, 'encode'),
    },
  );
  const targets = new Targets(layout, readTarget, targetCacheBytes);
  const data = new TrainingData({ tasks, states, targets, seed, batch, microBatch: microBatch ?? batch, prompts });
  return { states, targets, data, importance, evaluationTasks };
}

/** Of the checkpoints that are trained on. */
async function importanceFor(
  { training }: Preparation['split'],
  layout: Preparation['layout'],
  cacheFolder: string,
  { signal, onProgress, onNotice }: MakeOptions,
): Promise<Float32Array> {
  const tasks = training.map(({ task, checkpoints }) => ({ name: task.name, heldOut: false, checkpoints }));
  const { values, warnings } = await importanceOf({ tasks }, layout, {
    cacheFolder,
    signal,
    onProgress: (fraction) => onProgress?.(fraction, 'importance'),
  });
  for (const warning of warnings) onNotice?.(warning);
  return values;
}
