import type { FoundItem } from './item.js';
import { checkPrompt } from './problems.js';

/** One prompt per line; blank lines are skipped. Accepts the line endings of every system. */
export function* parseText(text: string, source: string): Generator<FoundItem | undefined> {
  for (const { line, number } of linesOf(text, /\r\n|\n|\r/g)) {
    if (!/\S/.test(line)) {
      yield undefined;
      continue;
    }
    const where = `in line ${number}`;
    yield { prompt: checkPrompt(line, source, where), response: undefined, where };
  }
}

/** Yields the lines one by one, since all lines of a large file may not fit into memory. */
export function* linesOf(text: string, end: RegExp): Generator<{ line: string; number: number }> {
  let start = 0;
  let number = 1;
  for (const { 0: found, index } of text.matchAll(end)) {
    yield { line: text.slice(start, index), number };
    start = index + found.length;
    number++;
  }
  yield { line: text.slice(start), number };
}
