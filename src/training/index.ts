/**
 * Training a generator from prompt–checkpoint pairs. docs/training.md shows it in use.
 * @module dnd-lora/training
 */
export type { TensorShape } from '../adapter/index.js';
export { type AlgorithmChoice, abortAtSignals, type StopSignal, type TrainingNeed } from '../engine/index.js';
export { DndError, type ErrorCode } from '../errors.js';
export { readConfig, type TrainingConfig } from './config.js';
export type { Cell, Evaluation, Fit, ResponseEvaluation, TaskEvaluation, TrainingStep } from './metrics.js';
export {
  type Checkpoint,
  type CheckpointProblem,
  type DegenerateWeights,
  type OpenPairsOptions,
  openPairs,
  type Pairs,
  type PairsAdapter,
  type PromptItem,
  type Task,
  type TaskImportance,
  type WeightStatistics,
} from './pairs/index.js';
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
