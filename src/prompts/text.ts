import { isObject } from '../validation/index.js';
import type { Context } from './fields.js';
import { type FoundItem, plainItem } from './item.js';
import { isItemField } from './names.js';
import { invalidPrompts, isBlank, markWithin } from './problems.js';

/**
 * One prompt per line; blank lines are skipped. Accepts the line endings of every system, and a byte order mark before any
 * line.
 * @throws DndError INVALID_PROMPTS for JSON or JSON Lines
 */
export function* parseText(text: string, context: Context): Generator<FoundItem | undefined> {
  let first = true;
  for (const { line, number } of linesOf(text)) {
    if (isBlank(line)) {
      yield undefined;
      continue;
    }
    const prompt = line.replace(/^\ufeff+/, '');
    const mark = prompt.indexOf('\ufeff');
    if (mark >= 0) throw markWithin(number, context.source);
    if (first) refuseJson(prompt, text, context);
    first = false;
    yield plainItem(prompt, `in line ${number}`, context);
  }
}

/** Longer ones are not looked at; parsing them takes time and memory. */
const LONGEST_JSON = 2 ** 20;

/** A first line that is an item of JSON Lines is hardly a prompt, nor are the lines of a JSON array. */
function refuseJson(line: string, text: string, { source }: Context): void {
  const item = line.trimStart().startsWith('{') ? jsonIn(line) : undefined;
  const form = isObject(item) && Object.keys(item).some(isItemField) ? 'JSON Lines' : undefined;
  const list = text.trimStart().startsWith('[') ? jsonIn(text.replaceAll('\ufeff', '')) : undefined;
  if (form === undefined && !Array.isArray(list)) return;
  const extension = form === undefined ? '.json' : '.jsonl';
  throw invalidPrompts(
    source,
    `it is ${form ?? 'a JSON array'}; expected one prompt per line. Rename it to ${extension}`,
  );
}

function jsonIn(text: string): unknown {
  try {
    return text.length > LONGEST_JSON ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Yields the lines one by one, since all lines of a large file may not fit into memory. */
function* linesOf(text: string): Generator<{ line: string; number: number }> {
  let start = 0;
  let number = 1;
  for (const { 0: found, index } of text.matchAll(/\r\n|\n|\r/g)) {
    yield { line: text.slice(start, index), number };
    start = index + found.length;
    number++;
  }
  yield { line: text.slice(start), number };
}
