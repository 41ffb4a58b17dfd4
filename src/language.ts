/**
 * Small causal language models with adapters on them: answers, likelihoods, fine-tuning, evaluation. docs/language.md shows
 * it in use.
 * @module dnd-lora/language
 */
export { type AdapterTensor, type BaseModel, LoraAdapter, type LoraConfig, readPeft } from './adapter/index.js';
export type { LongOperation } from './async/progress.js';
export { abortAtSignals, type CausalSizes, type PrecisionName, type StopSignal } from './engine/index.js';
export { DndError, type ErrorCode } from './errors.js';
export {
  type Comparison,
  type ConditionTexts,
  type CountRowId,
  type EvaluateOptions,
  type EvaluationResult,
  type EvaluationRow,
  type EvaluationTask,
  evaluate,
  evaluationPage,
  type Interval,
  type NamedRowId,
  type RowId,
  type Verdict,
} from './evaluation/index.js';
export {
  type CheckpointDtype,
  type FinetuneCallbacks,
  type FinetuneConfig,
  type FinetuneOptions,
  type FinetuneResult,
  type FinetuneSettings,
  type FinetuneStage,
  type FinetuneStep,
  type FinetuneTask,
  type FinishedTask,
  finetune,
  type PretrainSettings,
  type PretrainStep,
  readFinetuneConfig,
  type TrainedLanguageModel,
  type TrainingSequence,
  type TrainLanguageModelOptions,
  trainLanguageModel,
} from './finetuning/index.js';
export {
  type Adapters,
  type AppliedAdapter,
  type ChatMessage,
  type ChatTemplate,
  type EncodedExample,
  type EndTokens,
  type Example,
  encodeExample,
  type GenerateOptions,
  type GreedyStart,
  LanguageModel,
  type LanguageModelConfig,
  type LanguageTokeniser,
  type Likelihood,
  type LikelihoodOptions,
  type LoadLanguageModelOptions,
  loadLanguageModel,
  type PromptFormat,
  type PromptOptions,
} from './language/index.js';
export {
  type ImportedPairs,
  type ImportedTask,
  type ImportOptions,
  importCheckpoints,
  type RecipeOptions,
  type TrainerName,
  type WrittenRecipe,
  writeRecipe,
} from './recipes/index.js';
