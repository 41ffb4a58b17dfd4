import { cpuInfo, planTraining, type TrainingNeed } from '../engine/index.js';
import { DndError } from '../errors.js';
import { checkOptions } from '../validation/index.js';
import { resolveSettings, withAbsolutePaths } from './config.js';
import { basisNeed, checkpointBytes, microBatchFor, stepBytes } from './decoder-memory.js';
import { describeRun } from './describe-run.js';
import { requireDirections } from './make-basis.js';
import { type Preparation, prepare, reportPairs } from './prepare.js';
import type { RunDescription } from './run-description.js';
import type { TrainingSettings } from './settings.js';
import { createEngine, loadBaseFor, type MakeOptions } from './trainer-parts.js';

/** The plan of a run and its costs, without running a step: the output of `dnd train --dry-run`. */
export interface RunPlan {
  /** The run as `run.json` would describe it. */
  run: RunDescription;
  /** Memory that a step takes, in bytes; null if it does not fit on this machine: `memoryProblem` says why. */
  memory:
    | (TrainingNeed & {
        /** The total in bytes, with the data of the next step, which is prepared meanwhile. */
        stepBytes: number;
        /** Upper limit of the caches, in addition. */
        cacheBytes: number;
        /** Part of `stepBytes` for the basis, with the weight tokens of a batch; 0 without one. */
        basisBytes: number;
      })
    | null;
  /** Why the run does not fit into memory, and what to lower; null if it does. */
  memoryProblem: string | null;
  /** Size of a checkpoint on disk, without the text encoder; null without `memory`. */
  checkpointBytes: number | null;
  /** Floating-point operations of one step, multiply-adds times 2, by the direct algorithm without padding taps. */
  directFlop: number;
  /** Floating-point operations of one step as executed, by the algorithms that the plan has. */
  executedFlop: number;
  /** Number of threads. */
  threads: number;
  /** Predicted from committed rates, convolutions only. */
  secondsPerStep: number;
  /** Predicted for all steps. */
  seconds: number;
}

/** Options of `planRun`: settings as of `Trainer.create`, without `out`. */
export interface PlanRunOptions extends Partial<TrainingSettings>, MakeOptions {
  /** Folder of prompt–checkpoint pairs. */
  pairs: string;
  /** Text encoder folder, or `hash` for the built-in encoder. */
  encoder: string;
}

/**
 * Reads the pairs and plans a run; nothing is written, and the decoder's memory is not touched.
 * @throws DndError as `Trainer.create`, except for insufficient memory for the decoder
 */
export async function planRun(options: PlanRunOptions): Promise<RunPlan> {
  const { signal, onProgress, onNotice, ...given } = checkOptions(options, 'options of planRun');
  const settings = resolveSettings(withAbsolutePaths(given));
  const preparation = await prepare(settings, { signal, onProgress });
  preparation.encoder.dispose();
  requireDirections(preparation);
  reportPairs(preparation, onNotice);
  (await loadBaseFor(preparation, { signal, onProgress }))?.model.dispose();
  const { manifest } = preparation;
  const { microBatch, memory, problem } = await memoryOf(preparation);
  const basis = basisNeed(preparation);
  const planned = { ...settings, microBatch };
  const threads = settings.threads ?? cpuInfo().defaultThreads;
  const { batch, algorithm, steps, promptCacheBytes, targetCacheBytes } = settings;
  const parts = [
    { size: microBatch, times: Math.floor(batch / microBatch) },
    { size: batch % microBatch, times: 1 },
  ]
    .filter(({ size }) => size > 0)
    .map(({ size, times }) => ({ times, plan: planTraining({ ...manifest.decoder, batch: size, algorithm }) }));
  const sum = (key: 'directMultiplyAdds' | 'executedMultiplyAdds' | 'seconds') =>
    parts.reduce((total, { times, plan }) => total + times * plan[key], 0);
  const secondsPerStep = sum('seconds') / threads;
  return {
    run: describeRun(preparation, planned, null),
    memory: memory && {
      ...memory,
      stepBytes: stepBytes(memory) + basis,
      cacheBytes: promptCacheBytes + targetCacheBytes,
      basisBytes: basis,
    },
    memoryProblem: problem,
    checkpointBytes: memory && checkpointBytes(memory, preparation),
    directFlop: 2 * sum('directMultiplyAdds'),
    executedFlop: 2 * sum('executedMultiplyAdds'),
    threads,
    secondsPerStep,
    seconds: secondsPerStep * steps,
  };
}

async function memoryOf(
  preparation: Preparation,
): Promise<{ microBatch: number; memory: TrainingNeed | null; problem: string | null }> {
  const { settings } = preparation;
  try {
    using engine = await createEngine(preparation);
    const microBatch = microBatchFor(engine, settings, basisNeed(preparation));
    return { microBatch, memory: engine.memory(microBatch), problem: null };
  } catch (error) {
    if (!(error instanceof DndError) || error.code !== 'OUT_OF_MEMORY') throw error;
    return { microBatch: settings.microBatch ?? 1, memory: null, problem: error.message };
  }
}
