/** Prompt sets: reading them, and selecting as many prompts as a generator takes. */
export type { PromptItem } from './item.js';
export { readPromptItems, readPromptSet } from './read.js';
export { type PromptSelection, selectPrompts } from './select.js';
