import { DndError } from '../errors.js';

/** INVALID_PROMPTS for `source`, a file or "standard input", with the problem and what to do. */
export function invalidPrompts(source: string, problem: string, options?: ErrorOptions): DndError {
  return new DndError('INVALID_PROMPTS', `${source}: ${problem}`, options);
}

/** A character that shows, or NUL, which is refused rather than skipped. */
const VISIBLE = /[^\s\u0085\u180e\u200b-\u200f\u2060]/;

/**
 * Whether nothing of a text shows: white space of JavaScript and Python (which has U+0085 besides),
 * byte order marks, and characters without width.
 */
export function isBlank(text: string): boolean {
  return !VISIBLE.test(text);
}

/**
 * Validates one prompt from a file and returns it; halves of surrogate pairs, which are no characters and which UTF-8
 * cannot express, become U+FFFD.
 * @param where its position, as in "in line 7"
 * @throws DndError INVALID_PROMPTS if it is blank, or contains a NUL character, as binary files and UTF-16 do
 */
export function checkPrompt(prompt: string, source: string, where: string): string {
  if (isBlank(prompt)) throw invalidPrompts(source, `the prompt ${where} is empty; fill it in or leave it out`);
  return checkText(prompt, source, `the prompt ${where}`);
}

/** As `checkPrompt`, for a text that may be blank. @param what the subject of the message, as in "the prompt in line 7" */
export function checkText(text: string, source: string, what: string): string {
  if (text.includes('\0'))
    throw invalidPrompts(source, `${what} has a NUL character (U+0000). Check that it is a UTF-8 text file`);
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

/** The error for a byte order mark that is neither at the start of a line nor clearly a part of a prompt. */
export function markWithin(line: number, source: string): DndError {
  return invalidPrompts(
    source,
    `line ${line} has a byte order mark (U+FEFF) within it, as files have that were concatenated without a line break. Put a line break in its place, or remove it`,
  );
}
