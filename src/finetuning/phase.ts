import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CausalTrainerEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import type { EncodedExample, LanguageModel } from '../language/index.js';
import { learningRateAt } from '../training/schedule.js';
import { type AdapterForm, createTrainer, fillTrainer, valuesOf, writeAdapter } from './adapter.js';
import { drawBatch } from './batches.js';
import type { ResolvedSettings } from './settings.js';
import { loadState, type PhaseState, readState, saveState } from './state.js';
import { runStep } from './step.js';

/** What is trained in one go: a task, or the joint run. */
export interface Phase {
  /** That of the task, or 'joint'. */
  name: string;
  steps: number;
  batch: number;
  /** See `drawBatch`. */
  sets: readonly (readonly EncodedExample[])[];
  learningRate(step: number): number;
  /** The steps, from this one on, whose mean loss is reported. */
  lossFrom: number;
  /** Where the adapter is written after so many steps, in the phase's folder; undefined: nowhere. */
  placeAfter(step: number): string | undefined;
}

/** One run over all training tasks; its adapter is the folder itself. */
export function jointPhase(settings: ResolvedSettings, sets: Phase['sets']): Phase {
  const { jointSteps: steps, jointBatch, jointLearningRate, warmupSteps, schedule } = settings;
  const schedule0 = { learningRate: jointLearningRate, warmupSteps, steps, schedule };
  return {
    name: 'joint',
    steps,
    batch: jointBatch,
    sets,
    learningRate: (step) => learningRateAt(step, schedule0),
    lossFrom: steps - Math.ceil(steps / 10),
    placeAfter: (done) => (done === steps ? '.' : undefined),
  };
}

/** A task: its steps, and then those to its checkpoints, with a learning rate of their own. */
export function taskPhase(settings: ResolvedSettings, name: string, examples: readonly EncodedExample[]): Phase {
  const { steps, checkpoints, checkpointEvery, checkpointLearningRate, batch } = settings;
  return {
    name,
    // Steps before checkpoints that nobody asked for would be lost.
    steps: checkpoints === 0 ? 0 : steps + checkpoints * checkpointEvery,
    batch,
    sets: [examples],
    learningRate: (step) => (step < steps ? learningRateAt(step, settings) : checkpointLearningRate),
    lossFrom: steps,
    placeAfter: (done) =>
      done > steps && (done - steps) % checkpointEvery === 0 ? join('checkpoints', `checkpoint-${done}`) : undefined,
  };
}

export interface PhaseParts {
  model: LanguageModel;
  form: AdapterForm;
  /** The adapter it starts from; null: a fresh one. */
  start: Float32Array | null;
  settings: ResolvedSettings;
  /** Where its files are collected, and where its state is saved. */
  folder: string;
  statePath: string;
  signal: AbortSignal | undefined;
  onStep(step: PhaseStep): void;
}

export interface PhaseStep {
  /** Done of the phase. */
  step: number;
  loss: number;
  gradientNorm: number;
  learningRate: number;
  seconds: number;
}

/**
 * Trains a phase to its end, from its saved state if there is one. An abort saves the state of the steps done.
 * @returns the mean loss from `lossFrom` on
 * @throws DndError NOT_FINITE, OUT_OF_MEMORY, DISK_FULL, NOT_WRITABLE; `signal.reason`
 */
export async function runPhase(phase: Phase, parts: PhaseParts): Promise<number> {
  const { model, form, settings, folder, statePath, signal } = parts;
  if (phase.steps === 0) {
    await mkdir(folder, { recursive: true });
    return 0;
  }
  const trainer = await createTrainer(model, form, settings);
  try {
    const position = await startPosition(trainer, phase, parts);
    let saved = position.step;
    try {
      while (position.step < phase.steps) {
        await advance(trainer, phase, position, parts);
        if (position.step % settings.saveEvery !== 0 || position.step === phase.steps) continue;
        await saveState(statePath, trainer, position);
        saved = position.step;
      }
    } catch (error) {
      const aborted = signal?.aborted === true && error === signal.reason;
      if (aborted && position.step > saved) await saveState(statePath, trainer, position);
      throw error;
    }
    return position.lossCount === 0 ? 0 : position.lossSum / position.lossCount;
  } finally {
    trainer.dispose();
  }
}

async function startPosition(
  trainer: CausalTrainerEngine,
  { name }: Phase,
  { form, start, settings, folder, statePath, signal }: PhaseParts,
): Promise<PhaseState> {
  const saved = await readState(statePath, name);
  if (saved) {
    await loadState(statePath, trainer, saved);
    return saved;
  }
  await rm(folder, { recursive: true, force: true });
  if (start) fillTrainer(trainer, form.layout, start);
  else await trainer.initialise(settings.seed, { signal });
  return { phase: name, step: 0, lossSum: 0, lossCount: 0 };
}

/** One step, and the adapter after it where one is due. `position` moves on once both are there. */
async function advance(
  trainer: CausalTrainerEngine,
  phase: Phase,
  position: PhaseState,
  { form, settings, folder, signal, onStep }: PhaseParts,
): Promise<void> {
  const { step } = position;
  const began = performance.now();
  const { seed, microBatch } = settings;
  const examples = drawBatch(phase.sets, { seed, phase: phase.name, step, batch: phase.batch });
  const learningRate = phase.learningRate(step);
  const { loss, gradientNorm } = await runStep(trainer, examples, { learningRate, microBatch, signal });
  if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
    throw new DndError(
      'NOT_FINITE',
      `task ${phase.name}: after ${step} steps the ${Number.isFinite(loss) ? 'gradient' : 'loss'} is not finite. Lower the learning rate, or clip the gradient (maxGradientNorm)`,
    );
  const done = step + 1;
  const place = phase.placeAfter(done);
  if (place !== undefined)
    await writeAdapter(join(folder, place), valuesOf(trainer, form.layout), form, settings.dtype);
  position.step = done;
  if (step >= phase.lossFrom) {
    position.lossSum += loss;
    position.lossCount++;
  }
  onStep({ step: done, loss, gradientNorm, learningRate, seconds: (performance.now() - began) / 1000 });
}
