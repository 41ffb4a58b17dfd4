import { quoteValue } from './quote.js';

export interface ErrorParts {
  /** Where it is: a file, a field, an option. */
  what: string;
  /** 'is missing', 'is not valid' … */
  problem: string;
  expected?: string | undefined;
  /** The value itself; it is quoted and cut. Left out, the message does not show it. */
  got?: unknown;
  /** Instead of `got`: a text of our own, shown as it is. */
  shown?: string | undefined;
  /** What to do, as an imperative. */
  advice?: string | undefined;
}

/** `<what>: <problem>; expected <expected>, got <got>. <advice>`: the one form of the errors of this package. */
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
