import { quoteValue } from '../validation/index.js';
import { invalidPrompts, refuseNul } from './problems.js';

/** One item as it was found in a prompt file: the prompt is checked, the response is not. */
export interface FoundItem {
  prompt: string;
  /** undefined where the file has none. */
  response: unknown;
  /** Which item it is, as in "in line 7". */
  where: string;
}

/** A prompt, and the right answer to it. */
export interface PromptItem {
  prompt: string;
  /** Empty where the file has none. */
  response: string;
}

/** @throws DndError INVALID_PROMPTS for a response that is no text, or has a NUL character */
export function checkItem({ prompt, response, where }: FoundItem, source: string): PromptItem {
  if (response === undefined || response === null) return { prompt, response: '' };
  if (typeof response !== 'string')
    throw invalidPrompts(source, `the response ${where} is ${quoteValue(response)}; expected a string`);
  return { prompt, response: refuseNul(response, source, `the response ${where}`) };
}
