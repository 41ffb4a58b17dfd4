import { join } from 'node:path';
import { DndError, type ErrorCode } from '../errors.js';
import { exists } from '../files/index.js';
import type { TrainingStep } from './metrics.js';
import { RUN_FILE } from './run-description.js';
import { listCheckpoints } from './run-folder.js';
import type { RunOptions, Trainer } from './trainer.js';

/** Options of `trainToEnd`. */
export interface TrainToEndOptions extends RunOptions {
  /** Called after each step. */
  onStep?: ((step: TrainingStep) => void) | undefined;
}

/** The result of `trainToEnd`. */
export interface TrainingResult {
  /** Steps done in all. */
  step: number;
  /** Steps done by this call. */
  newSteps: number;
  /** Whether `signal` stopped it before its last step. */
  interrupted: boolean;
  /** Checkpoint after those steps: a generator folder. */
  checkpoint: string;
  /** Wall-clock time of this call. */
  seconds: number;
}

/** Errors after which no checkpoint is saved: it could not be written, or would be no better than the last one. */
const NOT_SAVED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'DISK_FULL',
  'DISPOSED',
  'INTERNAL',
  'NOT_FINITE',
  'NOT_WRITABLE',
]);

/**
 * Runs the remaining steps. If `signal` aborts (see `abortAtSignals`) or a step fails, it saves a checkpoint of the
 * steps done if possible.
 * @returns what was done; also after an abort, with `interrupted`
 * @throws DndError as `Trainer.run` and `Trainer.save`
 */
export async function trainToEnd(
  trainer: Trainer,
  { onStep, ...options }: TrainToEndOptions = {},
): Promise<TrainingResult> {
  const { signal, onProgress } = options;
  const before = trainer.step;
  const start = performance.now();
  let interrupted = false;
  try {
    for await (const step of trainer.run(options)) onStep?.(step);
  } catch (error) {
    interrupted = signal?.aborted === true && error === signal.reason;
    if (!interrupted) {
      const worthSaving = !(error instanceof DndError && NOT_SAVED.has(error.code)) && trainer.step > before;
      // Report the original failure, not its consequence.
      if (worthSaving) await trainer.save({ onProgress }).catch(() => {});
      throw error;
    }
  }
  const checkpoint = await trainer.save({ onProgress });
  const { step } = trainer;
  return { step, newSteps: step - before, interrupted, checkpoint, seconds: (performance.now() - start) / 1000 };
}

/** Where a run would be resumed. */
export interface ResumePoint {
  /** Number of steps that its newest checkpoint has done; 0 without one. */
  step: number;
  /** Its newest checkpoint, a generator folder; undefined: the run starts from step 0. */
  checkpoint: string | undefined;
}

/** Where `Trainer.resume` would start; undefined for a folder without a started run, or one that cannot be read. */
export async function resumePoint(folder: string): Promise<ResumePoint | undefined> {
  if (!(await exists(join(folder, RUN_FILE)))) return undefined;
  const newest = (await listCheckpoints(folder).catch(() => [])).at(-1);
  return { step: newest?.step ?? 0, checkpoint: newest?.path };
}
