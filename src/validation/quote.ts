import { inspect } from 'node:util';

/** Maximum characters of a value in an error message. */
const LONGEST = 200;
const SHORT = { breakLength: Infinity, maxStringLength: LONGEST };

/**
 * Characters that JSON does not escape but terminals interpret: control characters, line separators, direction marks.
 */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** An external string for an error message: quoted, control characters escaped, truncated. */
export function quote(text: string): string {
  return escaped(JSON.stringify(cut(text)));
}

/** An external value of any type for an error message: as JSON if possible, truncated. */
export function quoteValue(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  return escaped(cut((isJson(value) ? jsonOf(value) : undefined) ?? inspect(value, SHORT)));
}

/** JSON has no NaN or Infinity, and drops values of unsupported types. */
function isJson(value: unknown): boolean {
  return typeof value === 'object' || typeof value === 'boolean' || Number.isFinite(value);
}

/** Undefined for what JSON rejects: a nested BigInt, a cycle. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function cut(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}

function escaped(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
