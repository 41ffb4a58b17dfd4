import { DndError } from '../errors.js';
import { isObject, quoteValue } from '../validation/index.js';
import { itemsOfDocument } from './document.js';
import type { Context } from './fields.js';
import { type FoundItem, isConversation, itemOf } from './item.js';
import { endOfValue, type FoundValue, jsonValues, parseLenientJson } from './json-values.js';
import { invalidPrompts } from './problems.js';
import { isTurnList } from './turns.js';

/** A JSON document, of which `itemsOfDocument` has the forms; or several, which some tools also save as `.json`. */
export function* parseJson(text: string, context: Context): Generator<FoundItem | undefined> {
  // A byte order mark that is not the first character is none of JSON's white space.
  const body = text.includes('\ufeff') ? text.trim() : text;
  let document: unknown;
  try {
    document = parseLenientJson(body, undefined, context);
  } catch (error) {
    if (!(error instanceof DndError) || !hasSeveral(body)) throw error;
    return yield* parseJsonLines(text, context);
  }
  yield* itemsOfDocument(document, undefined, context);
}

/** Whether a complete array or object has something like another after it. */
function hasSeveral(text: string): boolean {
  const end = endOfValue(text, /\S/.exec(text)?.index ?? 0);
  return end !== undefined && /^\s*["{[]/.test(text.slice(end));
}

/** JSON values, usually one item per line; blank lines are skipped. A single value may be any JSON document. */
export function* parseJsonLines(text: string, context: Context): Generator<FoundItem | undefined> {
  let first: FoundValue | undefined;
  let values = 0;
  for (const found of jsonValues(text, context)) {
    if (found === undefined) yield undefined;
    else if (++values === 1) first = found;
    else {
      if (first) yield* itemsOfLine(first, context);
      first = undefined;
      yield* itemsOfLine(found, context);
    }
  }
  if (first === undefined) return;
  refusePair(first, context);
  yield* itemsOfDocument(first.value, `in line ${first.line}`, context);
}

/** As in `.json` a single list of texts is a list of prompts; two in a line may just as well be a prompt and its response. */
function refusePair({ value, line }: FoundValue, context: Context): void {
  if (!Array.isArray(value) || value.length !== 2 || !value.every((item) => typeof item === 'string')) return;
  throw invalidPrompts(
    context.source,
    `line ${line}, the only one, is a list of two texts, ${quoteValue(value)}, which may be two prompts or a prompt and its response. If they are two prompts, give each a line; if not, write {"prompt": …, "response": …}`,
  );
}

/**
 * Several items in a line are a part of a file of arrays. Texts in an array may be something else, such as a prompt and
 * its response.
 */
function* itemsOfLine({ value, line }: FoundValue, context: Context): Generator<FoundItem | undefined> {
  const where = `in line ${line}`;
  if (!Array.isArray(value) || isConversation(value, context)) return yield itemOf(value, where, context);
  if (value.length === 0 || !value.every((item) => isObject(item) || isTurnList(item)))
    throw invalidPrompts(
      context.source,
      `the prompt ${where} is ${quoteValue(value)}; expected an item in each line, or a list of objects. If it is a list of prompts, give each a line`,
    );
  for (const [index, item] of value.entries()) yield itemOf(item, `of item ${index + 1} ${where}`, context);
}
