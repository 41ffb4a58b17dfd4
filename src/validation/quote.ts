import { inspect } from 'node:util';

/** Most characters of a value that an error message shows. */
const LONGEST = 200;
const SHORT = { breakLength: Infinity, maxStringLength: LONGEST };

/** What JSON leaves as it is and a terminal obeys: control characters, line separators, changes of direction. */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** A text from outside, for an error message: quoted, control characters escaped, cut where it is long. */
export function quote(text: string): string {
  return escaped(JSON.stringify(cut(text)));
}

/** A value from outside, of any type, for an error message: as JSON where that is possible, cut where it is long. */
export function quoteValue(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  return escaped(cut((isJson(value) ? jsonOf(value) : undefined) ?? inspect(value, SHORT)));
}

/** JSON has no NaN and no Infinity, and drops what it does not know. */
function isJson(value: unknown): boolean {
  return typeof value === 'object' || typeof value === 'boolean' || Number.isFinite(value);
}

/** Undefined for what JSON refuses: a BigInt inside, a circle. */
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
