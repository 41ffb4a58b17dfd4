/** Causal language models: texts ↔ token ids, answers, likelihoods, adapters on them. */
export { type ChatMessage, ChatTemplate } from './chat-template.js';
export { causalConfigFromJson, type LanguageModelConfig } from './config.js';
export type { EndTokens } from './end-tokens.js';
export type { GenerateOptions } from './generate.js';
export { LanguageModel, type LoadLanguageModelOptions, loadLanguageModel } from './language-model.js';
export type { GreedyStart, Likelihood, LikelihoodOptions } from './likelihood.js';
export type { AppliedAdapter } from './lora.js';
export { layoutOn } from './lora.js';
export { weightFiles } from './model-folder.js';
export type { Adapters } from './passes.js';
export {
  type EncodedExample,
  type Example,
  encodeExample,
  encodePrompt,
  encodeSequence,
  joinExamples,
  type PromptFormat,
  type PromptOptions,
  promptText,
} from './prompts.js';
export { type Score, type ScoreOptions, scoresOf, type Trial } from './score.js';
export { LanguageTokeniser } from './tokeniser.js';
