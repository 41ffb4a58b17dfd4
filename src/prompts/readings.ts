import { tryJsonText } from '../files/index.js';
import { quote, quoteValue } from '../validation/index.js';
import { NAME_PROMPT_FIELD, NAME_RESPONSE_FIELD } from './fields.js';
import type { NamedFields } from './named-fields.js';
import {
  CONVERSATION_FIELDS,
  HISTORY_FIELD,
  INSTRUCTION_FIELD,
  INSTRUCTION_INPUTS,
  nearestForm,
  normalisedName,
  PROMPT_FIELDS,
  RESPONSE_FIELDS,
} from './names.js';
import { invalidPrompts, isBlank } from './problems.js';
import { isRendering } from './rendering.js';
import { isTextList, requireSubject } from './subjects.js';
import { exchangeInText } from './transcript.js';
import { type Exchange, exchangeOf, hasAnswer, isPartList, isTurnList, responseOfTurns, textOf } from './turns.js';

/** One way to read an item. */
interface Reading extends Exchange {
  /** The fields it reads. */
  fields: string[];
  /** It has later turns, which fields with a response belong to. */
  continued?: boolean;
}

/**
 * The prompt of an item, with its response: from the fields that were asked for, or else in every known form. Forms that
 * agree on the prompt are one.
 * @returns undefined for an empty conversation
 * @throws DndError INVALID_PROMPTS if no form fits, or several that differ
 */
export function promptOf(item: NamedFields): Exchange | undefined {
  const { promptField } = item.context.fields;
  const readings = promptField === undefined ? readingsOf(item) : askedReading(item, promptField);
  if (readings === undefined) return undefined;
  const [first, ...others] = distinct(readings);
  if (others.length === 0) return { prompt: first!.prompt, response: () => responseOf(item, readings) };
  const fields = [first!, ...others].map((reading) => reading.fields);
  throw item.invalid(
    `is ambiguous: ${fields.map((names) => names.map(quote).join(' with ')).join(' and ')} each have a prompt, and they differ`,
    `${NAME_PROMPT_FIELD}, or several to be joined: --prompt-field ${fields.flat().join(',')}`,
  );
}

/** The prompt in the fields that the user named. @returns undefined for an empty conversation */
function askedReading(item: NamedFields, asked: string): [Reading] | undefined {
  const { where, context } = item;
  const names = Object.hasOwn(item.item, asked) ? [asked] : asked.split(',').map((name) => name.trim());
  const values = names.map((name) => item.named(name, 'promptField (--prompt-field)'));
  const [name, value] = [names[0]!, values[0]];
  const conversation = (CONVERSATION_FIELDS as readonly string[]).includes(normalisedName(name));
  const turns = conversation
    ? turnsIn(item, normalisedName(name))
    : Array.isArray(value) && !isPartList(value) && !isTextList(value) && value;
  if (names.length === 1 && turns)
    return turns.length === 0 ? undefined : [{ ...exchangeOf(turns, where, context), fields: names }];
  const texts = values.map((value, index) =>
    isTextList(value) ? value.join('\n') : textOf(value, `the field ${quote(names[index]!)} ${where}`, context),
  );
  const prompt = texts.filter((text) => text !== undefined && !isBlank(text)).join('\n');
  return [{ prompt, response: () => undefined, fields: names }];
}

/** Every known form of an item. @returns undefined if all there is is an empty conversation */
function readingsOf(item: NamedFields): Reading[] | undefined {
  const { where, context } = item;
  const readings: Reading[] = [];
  let empty = false;
  for (const name of CONVERSATION_FIELDS) {
    const turns = turnsIn(item, name);
    if (turns === undefined) continue;
    if (turns.length === 0) empty = true;
    else readings.push({ ...exchangeOf(turns, where, context), fields: [item.spelling(name)] });
  }
  const instruction = instructionReading(item);
  if (instruction) readings.push(instruction);
  let blank: string | undefined;
  for (const name of PROMPT_FIELDS) {
    const value = item.get(name);
    const taken = name === 'input' && item.get(INSTRUCTION_FIELD) !== undefined;
    if (value === undefined || taken || (name === 'text' && isRendering(value, item, readings))) continue;
    const reading = fieldReading(item, name, value);
    if (reading) readings.push(reading);
    else blank = item.spelling(name);
  }
  if (readings.length > 0) return readings;
  if (blank !== undefined || item.get(INSTRUCTION_FIELD) !== undefined)
    return [{ prompt: '', response: () => undefined, fields: [blank ?? item.spelling(INSTRUCTION_FIELD)] }];
  if (empty) return undefined;
  throw invalidPrompts(
    context.source,
    `the prompt ${where} is missing: it is an object with the keys ${quoteValue(item.keys)}; the nearest known form is ${nearestForm(item.keys)}. ${NAME_PROMPT_FIELD}, or rename it`,
  );
}

/** A conversation; in CSV files, and in some JSON files, as JSON in a text. */
function turnsIn(item: NamedFields, name: string): unknown[] | undefined {
  const value = item.get(name);
  if (value === undefined || Array.isArray(value)) return value;
  if (typeof value === 'string' && isBlank(value)) return [];
  const parsed = typeof value === 'string' ? tryJsonText(value)?.value : undefined;
  if (Array.isArray(parsed)) return parsed;
  throw item.invalid(
    `has as ${quote(item.spelling(name))} ${quoteValue(value)}; expected a list of turns, such as ${nearestForm([name])}`,
    typeof value === 'string'
      ? 'Lists in texts must be valid JSON, which those that Python prints are not'
      : NAME_PROMPT_FIELD,
  );
}

/** Alpaca's form: an instruction, and below it what it is applied to. Earlier turns, if there are any, come first. */
function instructionReading(item: NamedFields): Reading | undefined {
  const { where, context } = item;
  if (item.get(INSTRUCTION_FIELD) === undefined) return undefined;
  const names = [INSTRUCTION_FIELD, ...INSTRUCTION_INPUTS].filter((name) => item.get(name) !== undefined);
  const [instruction] = names.map((name) => item.get(name));
  if (isTurnList(instruction)) return fieldReading(item, INSTRUCTION_FIELD, instruction);
  const given = names
    .map((name) => ({
      name,
      text: textOf(item.get(name), `the field ${quote(item.spelling(name))} ${where}`, context)!,
    }))
    .filter(({ text }) => !isBlank(text));
  if (given.length === 0) return undefined;
  const fields = given.map(({ name }) => item.spelling(name));
  const reading = { prompt: given.map(({ text }) => text).join('\n'), response: () => undefined, fields };
  requireSubject(item, reading, INSTRUCTION_INPUTS);
  return withHistory(item, reading);
}

/** The first of the earlier turns, if the item has some. */
function withHistory(item: NamedFields, reading: Reading): Reading {
  const history = item.get(HISTORY_FIELD);
  if (!Array.isArray(history) || history.length === 0) return reading;
  const [first] = history;
  const fields = [item.spelling(HISTORY_FIELD)];
  if (isTurnList(history)) return { ...exchangeOf(history, item.where, item.context), fields, continued: true };
  if (Array.isArray(first) && first.length === 2 && first.every((text) => typeof text === 'string'))
    return { prompt: first[0] as string, response: () => first[1] as string, fields, continued: true };
  throw item.invalid(
    `has as "history" ${quoteValue(history)}; expected pairs [prompt, response]`,
    `Leave it out, or rewrite it as turns: ${nearestForm(['messages'])}`,
  );
}

/** A field that is a prompt by itself. @returns undefined if it is blank */
function fieldReading(item: NamedFields, name: string, value: unknown): Reading | undefined {
  const { where, context } = item;
  const fields = [item.spelling(name)];
  // A mere prompt has its response in a field beside it.
  if (isTurnList(value)) return { ...exchangeOf(value, where, context), fields, continued: hasAnswer(value) };
  if (typeof value !== 'string' && !isPartList(value))
    throw invalidPrompts(
      context.source,
      `the prompt ${where} is missing: it is ${quoteValue({ [fields[0]!]: value })}; expected a string, or a list of turns. ${NAME_PROMPT_FIELD}`,
    );
  const text = textOf(value, `the prompt ${where}`, context)!;
  if (isBlank(text)) return undefined;
  const exchange = name === 'text' ? exchangeInText(text, where, context) : undefined;
  const reading = { ...(exchange ?? { prompt: text, response: () => undefined }), fields };
  requireSubject(item, reading);
  return exchange ? reading : withHistory(item, reading);
}

/** The first of those that agree, for every prompt. */
function distinct(readings: readonly Reading[]): readonly Reading[] {
  if (readings.length === 1) return readings;
  return readings.filter(
    ({ prompt }, index) => readings.findIndex((other) => other.prompt.trim() === prompt.trim()) === index,
  );
}

/** @throws DndError INVALID_PROMPTS for a value that is not a text, or several that differ */
function responseOf(item: NamedFields, readings: readonly Reading[]): string | undefined {
  const { where, context } = item;
  const textIn = (value: unknown): string | undefined =>
    isTurnList(value) ? responseOfTurns(value, where, context) : textOf(value, `the response ${where}`, context);
  const { responseField } = context.fields;
  if (responseField !== undefined) return textIn(item.named(responseField, 'responseField (--response-field)'));
  const continued = readings.find((reading) => reading.continued);
  if (continued) return continued.response();
  const candidates: { name: string; text: string }[] = [];
  const add = (name: string, text: string | undefined) => {
    if (text !== undefined) candidates.push({ name, text });
  };
  for (const { fields, response } of readings) add(fields[0]!, response());
  for (const known of RESPONSE_FIELDS) {
    const value = item.get(known);
    const name = value === undefined ? known : item.spelling(known);
    if (value !== undefined && !readings.some(({ fields }) => fields.includes(name))) add(name, textIn(value));
  }
  if (candidates.length <= 1) return candidates[0]?.text;
  const found = candidates.filter(({ text }) => !isBlank(text));
  const different = found.filter(
    ({ text }, index) => found.findIndex((other) => other.text.trim() === text.trim()) === index,
  );
  if (different.length <= 1) return (different[0] ?? candidates[0])!.text;
  throw item.invalid(
    `has several responses that differ: ${different.map(({ name }) => quote(name)).join(' and ')}`,
    NAME_RESPONSE_FIELD,
  );
}
