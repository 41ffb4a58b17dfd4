import { quoteValue } from './quote.js';

export interface ErrorParts {
  /** The subject: a file, a field, an option. */
  what: string;
  /** 'is missing', 'is not valid' … */
  problem: string;
  expected?: string | undefined;
  /** The value, quoted and truncated; omitted from the message if missing. */
  got?: unknown;
  /** Instead of `got`: trusted text, shown verbatim. */
  shown?: string | undefined;
  /** What to do, as an imperative. */
  advice?: string | undefined;
}

/** `<what>: <problem>; expected <expected>, got <got>. <advice>`: the form of all errors of this package. */
export function errorMessage(parts: ErrorParts): string {
  const { what, problem, expected, advice } = parts;
  const got = 'got' in parts ? quoteValue(parts.got) : parts.shown;
  const comparison = [
    ...(expected === undefined ? [] : [`expected ${expected}`]),
    ...(got === undefined ? [] : [`got ${got}`]),
  ].join(', ');
  const sentence = `${what}: ${problem}${comparison && `; ${comparison}`}`;
  return advice === undefined ? sentence : `${sentence}. ${advice[0]!.toUpperCase()}${advice.slice(1)}`;
}
