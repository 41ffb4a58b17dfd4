/** `dnd-lora/language`: small causal language models, with adapters on them. docs/language.md shows it in use. */
export { type AdapterTensor, type BaseModel, LoraAdapter, type LoraConfig, readPeft } from './adapter/index.js';
export { abortAtSignals, type StopSignal } from './engine/index.js';
export { DndError, type ErrorCode } from './errors.js';
export {
  type Comparison,
  type EvaluateOptions,
  type EvaluationResult,
  type EvaluationRow,
  type EvaluationTask,
  evaluate,
  evaluationPage,
  type Verdict,
} from './evaluation/index.js';
export {
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
  type TrainingSequence,
  type TrainLanguageModelOptions,
  trainLanguageModel,
} from './finetuning/index.js';
export {
  type Adapters,
  type AppliedAdapter,
  type ChatTemplate,
  type EncodedExample,
  type EndTokens,
  type Example,
  encodeExample,
  type GenerateOptions,
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
  type ImportedTask,
  type ImportOptions,
  importCheckpoints,
  type RecipeOptions,
  type TrainerName,
  writeRecipe,
} from './recipes/index.js';
