import { DndError } from '../errors.js';

/** INVALID_PROMPTS for `source`, a file or "standard input", with the problem and what to do. */
export function invalidPrompts(source: string, problem: string, options?: ErrorOptions): DndError {
  return new DndError('INVALID_PROMPTS', `${source}: ${problem}`, options);
}

/**
 * Validates one prompt from a file and returns it unchanged.
 * @param where its position, as in "in line 7"
 * @throws DndError INVALID_PROMPTS if it is blank, or contains a NUL character, as binary files and UTF-16 do
 */
export function checkPrompt(prompt: string, source: string, where: string): string {
  if (!/\S/.test(prompt)) throw invalidPrompts(source, `the prompt ${where} is empty; fill it in or leave it out`);
  return refuseNul(prompt, source, `the prompt ${where}`);
}

/** @param the subject of the message, as in "the prompt in line 7" */
export function refuseNul(text: string, source: string, what: string): string {
  if (!text.includes('\0')) return text;
  throw invalidPrompts(source, `${what} has a NUL character (U+0000). Check that it is a UTF-8 text file`);
}
