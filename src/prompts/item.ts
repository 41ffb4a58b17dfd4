import { isObject, quoteValue } from '../validation/index.js';
import { type Context, NAME_PROMPT_FIELD } from './fields.js';
import { NamedFields } from './named-fields.js';
import { nearestForm } from './names.js';
import { checkPrompt, checkText, invalidPrompts } from './problems.js';
import { promptOf } from './readings.js';
import { exchangeOf, isTurnList } from './turns.js';

/** One item of a prompt file: the prompt is validated. */
export interface FoundItem {
  prompt: string;
  /** Empty if the file has none. @throws DndError INVALID_PROMPTS if it is not a text, or ambiguous */
  response: () => string;
  /** Its position, as in "in line 7". */
  where: string;
}

/** A prompt and its expected response. */
export interface PromptItem {
  /** The prompt. */
  prompt: string;
  /** The expected response; empty if the file has none. */
  response: string;
}

/** An item without a response. */
export function plainItem(text: string, where: string, { source, fields }: Context): FoundItem {
  return { prompt: withSystem(checkPrompt(text, source, where), fields.system), response: () => '', where };
}

/**
 * An item of a JSON or CSV file: a text, a list of turns, or an object in any form of the table in names.ts.
 * @returns undefined for an empty conversation, which has nothing to read
 * @throws DndError INVALID_PROMPTS, with the nearest known form and what was found; for an item that may be read in several ways
 */
export function itemOf(item: unknown, where: string, context: Context): FoundItem | undefined {
  const { source, fields } = context;
  if (typeof item === 'string') return plainItem(item, where, context);
  let found: { prompt: string; response: () => string | undefined } | undefined;
  if (isConversation(item, context)) found = exchangeOf(item, where, context);
  else if (isObject(item)) found = promptOf(new NamedFields(item, where, context));
  else
    throw invalidPrompts(
      source,
      `the prompt ${where} is ${quoteValue(item)}; expected a string, or an object such as ${nearestForm([])}. ${NAME_PROMPT_FIELD}`,
    );
  if (found === undefined) return undefined;
  const { prompt, response } = found;
  return {
    prompt: withSystem(checkPrompt(prompt, source, where), fields.system),
    response: () => checkText(response() ?? '', source, `the response ${where}`),
    where,
  };
}

/** Whether an item is a conversation itself. A field that was asked for is one of objects. */
export function isConversation(item: unknown, { fields }: Context): item is Record<string, unknown>[] {
  return fields.promptField === undefined && isTurnList(item);
}

function withSystem(prompt: string, system: string | undefined): string {
  return system === undefined ? prompt : `${system}\n${prompt}`;
}
