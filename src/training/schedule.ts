import { DndError } from '../errors.js';

export const SCHEDULES = ['cosine', 'constant'] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

/** The learning rate schedule. */
export interface Schedule {
  learningRate: number;
  /** Number of linear warm-up steps. */
  warmupSteps: number;
  /** Total steps of the run. */
  steps: number;
  schedule: ScheduleName;
}

/**
 * The learning rate of a step, counted from 0: during warm-up learningRate · (step + 1) / warmupSteps; afterwards
 * either that, or half a cosine from it to 0 at the end (the schedule of the published training code).
 * @throws DndError INVALID_ARGUMENT for an invalid step
 */
export function learningRateAt(step: number, { learningRate, warmupSteps, steps, schedule }: Schedule): number {
  if (!Number.isSafeInteger(step) || step < 0)
    throw new DndError('INVALID_ARGUMENT', `a step is a whole number from 0, not ${String(step)}`);
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  if (schedule === 'constant') return learningRate;
  const progress = Math.min((step - warmupSteps) / Math.max(steps - warmupSteps, 1), 1);
  return learningRate * 0.5 * (1 + Math.cos(Math.PI * progress));
}
