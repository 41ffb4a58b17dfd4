/** Prompt sets: reading them, and selecting as many prompts as a generator takes. */
export { checkFields, type PromptFields } from './fields.js';
export { isPromptFile, promptFileNames, promptFilesIn } from './file-names.js';
export type { PromptItem } from './item.js';
export { isBlank } from './problems.js';
export { promptItemsOf, readPromptItems, readPromptSet } from './read.js';
export { type PromptSelection, selectPrompts } from './select.js';
