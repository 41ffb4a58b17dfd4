import { DndError } from '../errors.js';

/** INVALID_PROMPTS for `source`, a file or "standard input": what is wrong with it and what to do. */
export function invalidPrompts(source: string, problem: string, options?: ErrorOptions): DndError {
  return new DndError('INVALID_PROMPTS', `${source}: ${problem}`, options);
}

/**
 * Checks one prompt as it came out of a file, and returns it as it is.
 * @param where which prompt it is, as in "in line 7"
 * @throws DndError INVALID_PROMPTS when it is blank, or has a NUL character, which binary files and UTF-16 have
 */
export function checkPrompt(prompt: string, source: string, where: string): string {
  if (!/\S/.test(prompt)) throw invalidPrompts(source, `the prompt ${where} is empty; fill it in or leave it out`);
  return refuseNul(prompt, source, `the prompt ${where}`);
}

/** @param what the text is, as in "the prompt in line 7" */
export function refuseNul(text: string, source: string, what: string): string {
  if (!text.includes('\0')) return text;
  throw invalidPrompts(source, `${what} has a NUL character (U+0000). Check that it is a UTF-8 text file`);
}
