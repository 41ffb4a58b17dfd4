/** Prompt sets: reading them, and selecting as many prompts as a generator takes. */
export { readDescriptions } from './descriptions.js';
export { FIELD_DESCRIPTIONS, type PromptFields } from './fields.js';
export { isPromptFile, promptFile, promptFileNames, stemOf } from './file-names.js';
export type { PromptItem } from './item.js';
export { isBlank } from './problems.js';
export { type PromptInput, promptItemsOf, readPromptItems, readPromptSet } from './read.js';
export { type PromptSelection, selectPrompts } from './select.js';
