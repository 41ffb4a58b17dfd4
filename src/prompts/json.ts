import { DndError } from '../errors.js';
import { parseJsonText } from '../files/index.js';
import { quoteValue } from '../validation/index.js';
import type { FoundItem } from './item.js';
import { checkPrompt, invalidPrompts } from './problems.js';
import { linesOf } from './text.js';

const FORMS = 'a string, {"prompt": …} or {"conversations": [{"value": …}, …]}';

/**
 * A JSON array of prompts, or an object with such an array as `prompts` or `data`, or a single item; else JSON Lines,
 * which some tools also save as `.json`.
 */
export function* parseJson(text: string, source: string): Generator<FoundItem | undefined> {
  let value: unknown;
  try {
    refuseManyValues(text, source);
    value = parseJsonText(text);
  } catch (cause) {
    if (cause instanceof DndError) throw cause;
    if (beginsAsJsonLines(text)) return yield* parseJsonLines(text, source);
    throw invalidPrompts(source, `it is not valid JSON: ${whereInText((cause as Error).message, text)}`, { cause });
  }
  const items = itemsOf(value);
  if (items === undefined) {
    throw invalidPrompts(source, `it is ${quoteValue(value)}; expected an array whose items are ${FORMS}`);
  }
  for (const [index, item] of items.entries()) yield itemOf(item, source, `of item ${index + 1} of ${items.length}`);
}

/** One JSON item per line; blank lines are skipped. */
export function* parseJsonLines(text: string, source: string): Generator<FoundItem | undefined> {
  for (const { line, number } of linesOf(text, /\n/g)) {
    if (!/\S/.test(line)) {
      yield undefined;
      continue;
    }
    refuseManyValues(line, source);
    let item: unknown;
    try {
      item = parseJsonText(line);
    } catch (cause) {
      throw invalidPrompts(source, `line ${number} is not valid JSON: ${(cause as Error).message}`, { cause });
    }
    yield itemOf(item, source, `in line ${number}`);
  }
}

/** Parsing this many values takes about a gigabyte; a prompt set has a few per prompt. */
const MOST_VALUES = 2 ** 24;

/** Counted before parsing: each value follows a comma, or opens an array or object. */
function refuseManyValues(text: string, source: string): void {
  if (text.length <= MOST_VALUES) return;
  let values = 0;
  for (let place = 0; place < text.length; place++) {
    const code = text.charCodeAt(place);
    if (code === COMMA || code === BRACKET || code === BRACE) values++;
  }
  if (values <= MOST_VALUES) return;
  throw invalidPrompts(source, `it has more than ${MOST_VALUES} values; give a few hundred prompts of the task`);
}

const [COMMA, BRACKET, BRACE] = [0x2c, 0x5b, 0x7b];

/** Whether the first non-blank line is a complete JSON object with more lines after it. */
function beginsAsJsonLines(text: string): boolean {
  const [line] = text.trimStart().split('\n', 1);
  try {
    return line!.startsWith('{') && typeof parseJsonText(line!) === 'object';
  } catch {
    return false;
  }
}

function itemsOf(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (typeof value !== 'object' || value === null) return undefined;
  const { prompts, data, prompt, conversations } = value as Record<string, unknown>;
  if (Array.isArray(prompts)) return prompts;
  if (Array.isArray(data)) return data;
  return prompt !== undefined || conversations !== undefined ? [value] : undefined;
}

/**
 * The prompt of an item: itself, its `prompt`, or the first non-system turn of its conversation; and its `response`, or
 * the turn after the prompt.
 */
function itemOf(item: unknown, source: string, where: string): FoundItem {
  if (typeof item === 'string') return { prompt: checkPrompt(item, source, where), response: undefined, where };
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    throw invalidPrompts(source, `the prompt ${where} is ${quoteValue(item)}; expected ${FORMS}`);
  }
  const { prompt, conversations, response } = item as Record<string, unknown>;
  if (typeof prompt === 'string') return { prompt: checkPrompt(prompt, source, where), response, where };
  if (prompt === undefined && Array.isArray(conversations)) {
    const [question, answer] = conversations.filter((turn) => turn?.from !== 'system');
    if (typeof question?.value === 'string')
      return { prompt: checkPrompt(question.value, source, where), response: answer?.value, where };
  }
  const found =
    prompt === undefined ? `an object with the keys ${quoteValue(Object.keys(item))}` : quoteValue({ prompt });
  throw invalidPrompts(source, `the prompt ${where} is missing: it is ${found}; expected ${FORMS}`);
}

/** Converts V8's "at position 123" of a JSON error to a line number. */
function whereInText(message: string, text: string): string {
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined || /line \d+/.test(message)) return message;
  const before = text.slice(0, Number(position)).split('\n');
  return `${message} (line ${before.length} column ${before.at(-1)!.length + 1})`;
}
