/** `dnd-lora/training`: training a generator from prompt–checkpoint pairs. docs/training.md shows it in use. */
export { abortAtSignals, type StopSignal } from '../engine/index.js';
export { DndError, type ErrorCode } from '../errors.js';
export { readConfig, type TrainingConfig } from './config.js';
export type { Cell, Evaluation, Fit, TaskEvaluation, TrainingStep } from './metrics.js';
export { type OpenPairsOptions, openPairs, type Pairs } from './pairs/index.js';
export { type PlanRunOptions, planRun, type RunPlan } from './plan-run.js';
export type { OnTrainingProgress, TrainingStage } from './progress.js';
export type { ResumeTrainerOptions } from './resume.js';
export { type RunDescription, readRunDescription } from './run-description.js';
export type { TrainingSettings } from './settings.js';
export type { CreateTrainerOptions } from './start-run.js';
export {
  type ResumePoint,
  resumePoint,
  type TrainingResult,
  type TrainToEndOptions,
  trainToEnd,
} from './train-to-end.js';
export { type RunOptions, Trainer, type WorkOptions } from './trainer.js';
