/** White space as Rust defines it, as characters of a class: with U+0085, which JavaScript's \s lacks, and without U+FEFF. */
export const WHITE_SPACE = '\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const SPACE = new RegExp(`[${WHITE_SPACE}]`);
const NOT_SPACES = new RegExp(`[^${WHITE_SPACE}]+`, 'gu');

/** Where the white space that starts at `at` ends. */
export function endOfSpace(text: string, at: number): number {
  let end = at;
  while (end < text.length && SPACE.test(text[end]!)) end++;
  return end;
}

/** Where the white space that ends at `at` starts. */
export function startOfSpace(text: string, at: number): number {
  let start = at;
  while (start > 0 && SPACE.test(text[start - 1]!)) start--;
  return start;
}

export function splitAtSpace(text: string): string[] {
  return text.match(NOT_SPACES) ?? [];
}
