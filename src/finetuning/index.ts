/** Fine-tuning: LoRA checkpoints of many tasks as a pairs folder, and training a small base from nothing. */
export { type FinetuneConfig, type FinetuneTask, readFinetuneConfig, resolveSettings } from './config.js';
export { type FinetuneOptions, type FinetuneResult, finetune } from './finetune.js';
export { writeTexts } from './output.js';
export {
  type PretrainStep,
  type TrainedLanguageModel,
  type TrainingSequence,
  type TrainLanguageModelOptions,
  trainLanguageModel,
} from './pretrain.js';
export type { PretrainSettings } from './pretrain-settings.js';
export type { FinetuneCallbacks, FinetuneStage, FinetuneStep, FinishedTask } from './progress.js';
export { FINETUNE_FILE } from './run-description.js';
export {
  type CheckpointDtype,
  FINETUNE_SETTINGS,
  type FinetuneSettings,
  fieldsOf,
  type ResolvedSettings,
} from './settings.js';
export { listTasks, readTaskItems, requireResponses } from './tasks.js';
