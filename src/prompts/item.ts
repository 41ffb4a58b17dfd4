import { quoteValue } from '../validation/index.js';
import { invalidPrompts, refuseNul } from './problems.js';

/** One item of a prompt file: the prompt is validated, the response is not. */
export interface FoundItem {
  prompt: string;
  /** undefined if the file has none. */
  response: unknown;
  /** Its position, as in "in line 7". */
  where: string;
}

/** A prompt and its expected response. */
export interface PromptItem {
  prompt: string;
  /** Empty if the file has none. */
  response: string;
}

/** @throws DndError INVALID_PROMPTS for a response that is not a string, or contains a NUL character */
export function checkItem({ prompt, response, where }: FoundItem, source: string): PromptItem {
  if (response === undefined || response === null) return { prompt, response: '' };
  if (typeof response !== 'string')
    throw invalidPrompts(source, `the response ${where} is ${quoteValue(response)}; expected a string`);
  return { prompt, response: refuseNul(response, source, `the response ${where}`) };
}
