import { DndError, type ErrorCode } from '../errors.js';
import { errorMessage } from './message.js';

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A non-empty string. */
export function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

export function isWholeNumber(value: unknown, smallest: number, largest = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && (value as number) >= smallest && (value as number) <= largest;
}

/** The text of an expected whole number. */
export function wholeNumberRange(smallest: number, largest = Number.MAX_SAFE_INTEGER): string {
  return `a whole number from ${smallest}${largest === Number.MAX_SAFE_INTEGER ? '' : ` to ${largest}`}`;
}

/**
 * The error for an external value that is missing (undefined) or invalid.
 * @param what the subject: a file and field, an option
 */
export function invalidValue(code: ErrorCode, what: string, expected: string, got: unknown): DndError {
  const parts = got === undefined ? { problem: 'is missing' } : { problem: 'is not valid', got };
  return new DndError(code, errorMessage({ what, expected, ...parts }));
}
