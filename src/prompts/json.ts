import type { FoundItem } from './item.js';
import { checkPrompt, invalidPrompts, shortly } from './problems.js';

const FORMS = 'a string, {"prompt": …} or {"conversations": [{"value": …}, …]}';

/**
 * A JSON array of prompts, or an object with such an array as `prompts` or `data`, or a single item; else JSON Lines,
 * which some tools save under `.json` too.
 */
export function parseJson(text: string, source: string): FoundItem[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    if (beginsAsJsonLines(text)) return parseJsonLines(text, source);
    throw invalidPrompts(source, `it is not valid JSON: ${whereInText((cause as Error).message, text)}`, { cause });
  }
  const items = itemsOf(value);
  if (items === undefined) {
    throw invalidPrompts(source, `it holds ${shortly(value)}, and wanted is an array whose items are ${FORMS}`);
  }
  return items.map((item, index) => itemOf(item, source, `of item ${index + 1} of ${items.length}`));
}

/** One JSON item a line; blank lines are passed over. */
export function parseJsonLines(text: string, source: string): FoundItem[] {
  const items: FoundItem[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (!/\S/.test(line)) continue;
    let item: unknown;
    try {
      item = JSON.parse(line);
    } catch (cause) {
      throw invalidPrompts(source, `line ${index + 1} is not valid JSON: ${(cause as Error).message}`, { cause });
    }
    items.push(itemOf(item, source, `in line ${index + 1}`));
  }
  return items;
}

/** Whether the first line with anything in it is a JSON object of its own, and not the last. */
function beginsAsJsonLines(text: string): boolean {
  const [line] = text.trimStart().split('\n', 1);
  try {
    return line!.startsWith('{') && typeof JSON.parse(line!) === 'object';
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
 * The prompt of an item: itself, its `prompt`, or the first turn of its conversation that is not the system's; and its
 * `response`, or the turn after the prompt's.
 */
function itemOf(item: unknown, source: string, where: string): FoundItem {
  if (typeof item === 'string') return { prompt: checkPrompt(item, source, where), response: undefined, where };
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    throw invalidPrompts(source, `the prompt ${where} is ${shortly(item)}, and wanted is ${FORMS}`);
  }
  const { prompt, conversations, response } = item as Record<string, unknown>;
  if (typeof prompt === 'string') return { prompt: checkPrompt(prompt, source, where), response, where };
  if (prompt === undefined && Array.isArray(conversations)) {
    const [question, answer] = conversations.filter((turn) => turn?.from !== 'system');
    if (typeof question?.value === 'string')
      return { prompt: checkPrompt(question.value, source, where), response: answer?.value, where };
  }
  const found = prompt === undefined ? `an object with the keys ${shortly(Object.keys(item))}` : shortly({ prompt });
  throw invalidPrompts(source, `the prompt ${where} is missing: wanted is ${FORMS}, and it is ${found}`);
}

/** V8 says where JSON is broken as "at position 123"; people count lines. */
function whereInText(message: string, text: string): string {
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined || /line \d+/.test(message)) return message;
  const before = text.slice(0, Number(position)).split('\n');
  return `${message} (line ${before.length} column ${before.at(-1)!.length + 1})`;
}
