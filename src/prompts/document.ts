import { isObject, quote, quoteValue } from '../validation/index.js';
import { type Context, NAME_PROMPT_FIELD } from './fields.js';
import { type FoundItem, isConversation, itemOf } from './item.js';
import {
  HELD_OUT_FIELDS,
  isItemField,
  isKnownField,
  isResponseField,
  LIST_FIELDS,
  nearestForm,
  normalisedName,
} from './names.js';
import { invalidPrompts } from './problems.js';
import { isPartList, isTurnList, isUnnamedTurns } from './turns.js';

/**
 * The items of a whole JSON document: an array of items; an object with such an array as `prompts`, `data` …; an object
 * of columns, or of rows by number, as pandas and Hugging Face write them; or a single item.
 * @param where the position of a single item; default: "of item 1 of 1"
 * @throws DndError INVALID_PROMPTS for another document, or one that may be read in several ways; as `itemOf`
 */
export function* itemsOfDocument(
  document: unknown,
  where: string | undefined,
  context: Context,
): Generator<FoundItem | undefined> {
  if (where !== undefined && typeof document === 'string') return yield itemOf(document, where, context);
  const { count, items } = listIn(document, where, context);
  if (document === items && isConversation(document, context))
    return yield itemOf(document, where ?? 'of item 1 of 1', context);
  let index = 0;
  for (const item of items) {
    index++;
    const own = item === document ? where : undefined;
    yield itemOf(item, own ?? `of item ${index} of ${count}`, context);
  }
}

/** Made one by one: the rows of a table of columns take much more memory than the columns. */
interface Items {
  count: number;
  items: Iterable<unknown>;
}

function listIn(document: unknown, where: string | undefined, context: Context): Items {
  if (Array.isArray(document)) return { count: document.length, items: document };
  if (isObject(document)) return itemsOfObject(document, where !== undefined, context);
  throw invalidPrompts(
    context.source,
    `it is ${quoteValue(document)}; expected an array of items, such as ["…"] or [${nearestForm([])}]`,
  );
}

/** @param line whether it is the only line of a file of items, which is rather an item itself */
function itemsOfObject(object: Readonly<Record<string, unknown>>, line: boolean, context: Context): Items {
  const table = splitTable(object);
  if (table) return table;
  const isItem = (key: string) => isItemField(key) || isAsked(key, context);
  const keys = Object.keys(object);
  const listsOf = (names: readonly string[]) =>
    keys.filter((key) => Array.isArray(object[key]) && names.includes(normalisedName(key)) && !isItem(key));
  const [lists, heldOut] = [listsOf(LIST_FIELDS), listsOf(HELD_OUT_FIELDS)];
  const columns = keys.filter((key) => isItem(key) && isColumn(object[key]));
  const fields = keys.filter((key) => isItem(key) && !isColumn(object[key]) && (object[key] ?? null) !== null);
  const single = { count: 1, items: [object] };
  if (line && fields.length > 0) return single;
  if (lists.length + Math.min(columns.length, 1) + Math.min(fields.length, 1) > 1)
    throw ambiguous([...lists, ...columns, ...fields], context);
  if (columns.length + fields.length === 0 && heldOut.length > 0) throw notPrompts(lists, heldOut, context);
  if (lists.length === 1) return rowsOf(object, lists[0]!, context);
  if (columns.length > 0) return rowsOfColumns(object, columns[0]!, context);
  if (line || keys.some(isItem)) return single;
  if (keys.length > 0 && keys.every((key) => /^\d+$/.test(key) && isObject(object[key])))
    return { count: keys.length, items: Object.values(object) };
  throw invalidPrompts(
    context.source,
    `it is ${quoteValue(object)}; expected an array of items, or an object such as ${nearestForm(keys)}. ${NAME_PROMPT_FIELD}, or rename it`,
  );
}

function ambiguous(keys: readonly string[], { source }: Context): Error {
  return invalidPrompts(
    source,
    `it is ambiguous: ${keys.map(quote).join(' and ')} may each be the prompts. Give a file with one of them`,
  );
}

/** The error for lists of which some are rather for evaluation. */
function notPrompts(lists: readonly string[], heldOut: readonly string[], context: Context): Error {
  if (lists.length + heldOut.length > 1) return ambiguous([...lists, ...heldOut], context);
  return invalidPrompts(
    context.source,
    `its only list is ${quote(heldOut[0]!)}, which is held out for evaluation; expected prompts in one of ${LIST_FIELDS.join(', ')}. If they are to be read, rename it to "prompts"`,
  );
}

function isAsked(key: string, { fields: { promptField } }: Context): boolean {
  return (
    promptField !== undefined && (key === promptField || promptField.split(',').some((name) => name.trim() === key))
  );
}

/** The list of items; the rows of Hugging Face's dataset viewer have the item as `row`. */
function rowsOf(object: Readonly<Record<string, unknown>>, key: string, context: Context): Items {
  const responses = Object.keys(object).find(
    (other) => Array.isArray(object[other]) && isResponseField(normalisedName(other).replace(/s$/, '')),
  );
  if (responses !== undefined)
    throw invalidPrompts(
      context.source,
      `it has the lists ${quote(key)} and ${quote(responses)}; expected columns called "prompt" and "response", or a list of ${nearestForm([])}. Rename them`,
    );
  const list = object[key] as unknown[];
  const isRow = (row: unknown): row is { row: unknown } => isObject(row) && 'row_idx' in row && isObject(row.row);
  return { count: list.length, items: list.every(isRow) ? list.map(({ row }) => row) : list };
}

/** A list of values, or pandas' object of values by row number; a list of turns or of content parts is a value itself. */
function isColumn(value: unknown): boolean {
  if (Array.isArray(value))
    return value.length > 0 && !isTurnList(value) && !isPartList(value) && !isUnnamedTurns(value);
  return isObject(value) && Object.keys(value).length > 0 && Object.keys(value).every((key) => /^\d+$/.test(key));
}

/**
 * An object of columns, row by row.
 * @param first one of the columns
 * @throws DndError INVALID_PROMPTS for columns of other rows, and for a known field beside them that is none
 */
function rowsOfColumns(object: Readonly<Record<string, unknown>>, first: string, context: Context): Items {
  const { source } = context;
  const columns = Object.keys(object).filter((key) => isColumn(object[key]));
  const names = Object.keys(object[first] as object);
  for (const key of columns) {
    const others = Object.keys(object[key] as object);
    if (others.length !== names.length)
      throw invalidPrompts(
        source,
        `its columns differ in length: ${quote(first)} has ${names.length} values and ${quote(key)} ${others.length}; expected as many in each`,
      );
    const without = names.find((name) => !Object.hasOwn(object[key] as object, name));
    if (without !== undefined)
      throw invalidPrompts(
        source,
        `its columns differ in their rows: ${quote(first)} has a row ${quote(without)} and ${quote(key)} none; expected the same in each`,
      );
  }
  const single = Object.keys(object).find(
    (key) => !columns.includes(key) && (object[key] ?? null) !== null && isReadBeside(key, context),
  );
  if (single !== undefined)
    throw invalidPrompts(
      source,
      `${quote(first)} is a column of ${names.length} values, and ${quote(single)} is ${quoteValue(object[single])}; expected a column too. Give it a value for each row, or leave it out`,
    );
  return { count: names.length, items: rows(object, columns, names) };
}

/** Whether a field would be read, or minded, beside a prompt. */
function isReadBeside(key: string, { fields: { responseField } }: Context): boolean {
  return key === responseField || isKnownField(key);
}

function* rows(object: Readonly<Record<string, unknown>>, columns: readonly string[], names: readonly string[]) {
  for (const name of names)
    yield Object.fromEntries(columns.map((key) => [key, (object[key] as Record<string, unknown>)[name]]));
}

/** pandas' orient='split'. */
function splitTable({ columns, data }: Readonly<Record<string, unknown>>): Items | undefined {
  if (!Array.isArray(columns) || !columns.every((name) => typeof name === 'string')) return undefined;
  if (!Array.isArray(data) || !data.every((row) => Array.isArray(row) && row.length === columns.length))
    return undefined;
  return { count: data.length, items: splitRows(columns, data) };
}

function* splitRows(columns: readonly string[], data: readonly unknown[][]) {
  for (const row of data) yield Object.fromEntries(columns.map((name, index) => [name, row[index]]));
}
