import { SerialQueue, steadyProgress } from '../async/index.js';
import { cpuInfo } from '../engine/index.js';
import { DndError } from '../errors.js';
import { checkOptions, checkPath } from '../validation/index.js';
import { writeCheckpoint } from './checkpoint.js';
import { settingsDigest } from './config.js';
import { convolutionLimits, tasksTogether } from './decoder-memory.js';
import { checkpointManifest } from './describe-run.js';
import { evaluateResponses } from './evaluate-responses.js';
import { evaluateTasks } from './evaluation.js';
import { withBasis } from './make-basis.js';
import type { Evaluation, TrainingStep } from './metrics.js';
import type { OnTrainingProgress } from './progress.js';
import { type ResumeTrainerOptions, resumeRun } from './resume.js';
import { checkpointPath, linkLatest, removeOldCheckpoints } from './run-folder.js';
import { runStep } from './run-step.js';
import type { TrainingSettings } from './settings.js';
import { type CreateTrainerOptions, startRun } from './start-run.js';
import type { TrainerParts } from './trainer-parts.js';

/** Options of the methods of `Trainer`. */
export interface WorkOptions {
  /** Stops the work; the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Called with the fraction done of a stage, from 0 to 1, and the stage. */
  onProgress?: OnTrainingProgress | undefined;
}

/** Options of `Trainer.run`. */
export interface RunOptions extends WorkOptions {
  /** Called after each evaluation. */
  onEvaluation?: ((evaluation: Evaluation) => void) | undefined;
  /** Called with the folder of each written checkpoint. */
  onCheckpoint?: ((path: string) => void) | undefined;
}

/**
 * A training run in its folder: run.json, metrics.jsonl, and checkpoints, which are generator folders. Calls on one
 * trainer run one after the other. Every method but `dispose` throws DISPOSED after `dispose`.
 */
export class Trainer implements AsyncDisposable {
  readonly #parts: TrainerParts;
  readonly #queue = new SerialQueue();
  #disposing: Promise<void> | undefined;

  private constructor(parts: TrainerParts) {
    this.#parts = parts;
  }

  /**
   * Starts a run in a new folder.
   * @throws DndError INVALID_ARGUMENT, OUTPUT_EXISTS, RUN_IN_USE, SHAPE_MISMATCH, OUT_OF_MEMORY, DISK_FULL,
   * NOT_WRITABLE; UNSUPPORTED_ENCODER, UNSUPPORTED_BASE; as `openPairs`; `signal.reason`
   */
  static async create(options: CreateTrainerOptions): Promise<Trainer> {
    checkPath(checkOptions(options, 'options of Trainer.create').out, 'out (the folder of the run)');
    return new Trainer(await startRun({ ...options, onProgress: steadyProgress(options.onProgress) }));
  }

  /**
   * Resumes a run from its newest checkpoint, exactly as if it had never stopped.
   * @throws DndError FILE_NOT_FOUND for a folder that is not a run; RUN_IN_USE; PAIRS_CHANGED; RESUME_MISMATCH for
   * changed settings or another instruction set; ENCODER_MISMATCH; as `create`
   */
  static async resume(folder: string, options: ResumeTrainerOptions = {}): Promise<Trainer> {
    checkPath(folder, 'the folder of Trainer.resume');
    checkOptions(options, 'options of Trainer.resume');
    return new Trainer(await resumeRun(folder, { ...options, onProgress: steadyProgress(options.onProgress) }));
  }

  /** The folder of the run. */
  get folder(): string {
    return this.#parts.folder;
  }

  /** All settings, with defaults. */
  get settings(): Readonly<TrainingSettings> {
    return this.#parts.settings;
  }

  /** Number of steps done. */
  get step(): number {
    return this.#parts.position.step;
  }

  /** Number of distinct prompts encoded by this trainer; the others were cached. */
  get promptsEncoded(): number {
    return this.#parts.work.states.encoded;
  }

  /** Whether `dispose` has been called. */
  get disposed(): boolean {
    return this.#queue.closed;
  }

  /**
   * Runs the remaining steps; an evaluation or checkpoint due after a step is made when the next step is requested. An
   * abort discards the current step, and `run` may be called again.
   * @throws DndError NOT_FINITE, DISK_FULL, NOT_WRITABLE, OUT_OF_MEMORY; FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE for
   * checkpoints of the pairs; DISPOSED; `signal.reason`
   */
  async *run(options: RunOptions = {}): AsyncGenerator<TrainingStep, void> {
    checkOptions(options, 'options of run');
    // Stages repeat, so the end of a stage is not the last report.
    const onProgress = steadyProgress(options.onProgress, undefined, Infinity);
    for (;;) {
      const step = await this.#queue.run((signal) => this.#advance({ ...options, signal, onProgress }), options.signal);
      if (!step) return;
      yield step;
    }
  }

  /**
   * Compares current output with the held-out checkpoints; nothing is written to metrics.jsonl.
   * @throws DndError NOT_FINITE; `signal.reason`
   */
  async evaluate(options: WorkOptions = {}): Promise<Evaluation> {
    checkOptions(options, 'options of evaluate');
    const onProgress = steadyProgress(options.onProgress);
    return this.#queue.run((signal) => this.#evaluate({ signal, onProgress }), options.signal);
  }

  /**
   * Writes a checkpoint of the steps done so far, unless it exists, and removes the oldest ones beyond the limit.
   * @returns its folder, a generator folder
   * @throws DndError DISK_FULL, NOT_WRITABLE: earlier checkpoints are unaffected; `signal.reason`
   */
  async save(options: WorkOptions = {}): Promise<string> {
    checkOptions(options, 'options of save');
    const onProgress = steadyProgress(options.onProgress);
    return this.#queue.run((signal) => this.#save({ signal, onProgress }), options.signal);
  }

  /** Stops running work, which then rejects with DISPOSED, frees the memory and releases the folder. Idempotent. */
  dispose(): Promise<void> {
    this.#disposing ??= this.#dispose();
    return this.#disposing;
  }

  /** As `dispose`; called by `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #dispose(): Promise<void> {
    const reason = new DndError('DISPOSED', 'the trainer has been disposed');
    this.#queue.close(reason);
    await this.#queue.idle();
    const { engine, encoder, metrics, lock, work } = this.#parts;
    await work.data.dispose(reason);
    engine.dispose();
    encoder.dispose();
    work.states.dispose();
    work.targets.dispose();
    work.teachers?.dispose();
    work.behaviour?.dispose();
    await metrics.close();
    await lock.release();
  }

  /** Does the work due after the previous step, then the next step; undefined when all are done. */
  async #advance(options: RunOptions & { signal: AbortSignal }): Promise<TrainingStep | undefined> {
    const { position, settings, metrics, work } = this.#parts;
    await this.#finishStep(options);
    if (position.step >= settings.steps) return undefined;
    const step = await runStep(position.step, { ...work, engine: work.decoder, settings }, options.signal);
    position.step = step.step;
    await metrics.append(step);
    return step;
  }

  /** Evaluates and saves if due and not yet done. */
  async #finishStep(options: RunOptions & { signal: AbortSignal }): Promise<void> {
    const { position, settings, metrics } = this.#parts;
    const { step } = position;
    const { evaluateEvery, checkpointEvery, steps } = settings;
    const last = step >= steps;
    if (evaluateEvery > 0 && (step % evaluateEvery === 0 || last) && position.evaluated !== step) {
      const evaluation = await this.#evaluate(options);
      position.evaluated = step;
      await metrics.append(evaluation);
      options.onEvaluation?.(evaluation);
    }
    if (step > 0 && (step % checkpointEvery === 0 || last) && position.saved !== step) {
      const path = await this.#save(options);
      options.onCheckpoint?.(path);
    }
  }

  async #evaluate({ signal, onProgress }: WorkOptions & { signal: AbortSignal }): Promise<Evaluation> {
    const start = performance.now();
    const { layout, basis, position, settings, work, pairs } = this.#parts;
    const { decoder: engine, states, targets, delta, importance, data, evaluationTasks } = work;
    const { behaviour, responseTasks } = work;
    const together = tasksTogether(this.#parts.engine, settings, basis?.size);
    const report = (fraction: number) => onProgress?.(fraction, 'evaluate');
    const evaluated = await data.exclusively(async (linked) => {
      const operation = { signal: linked, onProgress: report };
      const parts = { engine, layout, importance, states, targets, delta, together };
      const fit =
        settings.loss === 'behaviour'
          ? { tasks: [], cells: [] }
          : await evaluateTasks(evaluationTasks, parts, operation);
      if (!behaviour) return fit;
      const { model } = behaviour;
      const { system } = settings;
      const answering = { engine, layout, adapter: pairs.adapter, model, system, states, together };
      return { ...fit, responses: await evaluateResponses(responseTasks, answering, operation) };
    }, signal);
    return { evaluation: position.step, ...evaluated, seconds: (performance.now() - start) / 1000 };
  }

  async #save({ signal, onProgress }: WorkOptions & { signal: AbortSignal }): Promise<string> {
    const { folder, position, settings, metrics, engine, encoderFolder, pairs, manifest } = this.#parts;
    const { layout, learned, projection } = this.#parts;
    const { step, evaluated } = position;
    const path = checkpointPath(folder, step);
    if (position.saved === step) return path;
    await metrics.sync();
    const state = {
      step,
      evaluated,
      settingsDigest: settingsDigest(settings),
      pairsDigest: pairs.digest,
      instructionSet: cpuInfo().isa,
      convolutionLimits: convolutionLimits(engine, settings),
      saveDtype: settings.saveDtype,
      metricsBytes: metrics.bytes,
    };
    // What generators have of a learned basis is other at every checkpoint.
    const basis = learned ? await learned.rounded(signal) : this.#parts.basis;
    await writeCheckpoint(
      path,
      {
        engine: learned ?? engine,
        manifest: checkpointManifest(learned ? withBasis(manifest, basis!) : manifest, this.#parts, settings, step),
        layout,
        basis,
        projection,
        encoderFolder,
        state,
      },
      { signal, onProgress: (fraction) => onProgress?.(fraction, 'save') },
    );
    position.saved = step;
    await linkLatest(folder, path);
    await removeOldCheckpoints(folder, settings.keepCheckpoints);
    return path;
  }
}
