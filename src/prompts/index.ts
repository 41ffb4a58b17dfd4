/** Prompt sets: reading them, and taking as many prompts as a generator wants. */
export type { PromptItem } from './item.js';
export { readPromptItems, readPromptSet } from './read.js';
export { type PromptSelection, selectPrompts } from './select.js';
