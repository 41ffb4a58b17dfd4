import { isObject, quote, quoteValue } from '../validation/index.js';
import type { Context } from './fields.js';
import { AUTHOR_KEYS, CONTENT_KEYS, KNOWN_ROLES, normalisedName, type Role, roleOf } from './names.js';
import { invalidPrompts, isBlank } from './problems.js';

/** What a conversation is read as. */
export interface Exchange {
  /** The first turn of the user. */
  prompt: string;
  /** The next turn of the assistant, undefined without one. It fails only when asked for. */
  response: () => string | undefined;
}

/**
 * A list of objects that name their authors and have content: a conversation, whichever field it is in. Between a user and
 * an assistant it is one without content too, which is reported then.
 */
export function isTurnList(value: unknown): value is Record<string, unknown>[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(hasAuthor) &&
    (value.every(saysSomething) || hasAnswer(value))
  );
}

/** Whether the assistant is among the authors of a list of turns. */
export function hasAnswer(turns: readonly Record<string, unknown>[]): boolean {
  return turns.some((turn) => roleOf(authorOf(turn)) === 'assistant');
}

/** Turns that do not say from whom they are, at least not in a way that is known. */
export function isUnnamedTurns(value: readonly unknown[]): boolean {
  return value.every((turn) => isObject(turn) && keysOf(turn, CONTENT_KEYS).length > 0);
}

/**
 * The first turn of the user, and the next turn of the assistant; turns of the system and of tools are skipped. Where no
 * turn has more than content, the user begins and both alternate.
 * @param where its position, as in "in line 7"
 * @throws DndError INVALID_PROMPTS for a conversation without a user's turn, an unknown author or one in a field of
 * another name, or a turn without text
 */
export function exchangeOf(turns: readonly unknown[], where: string, context: Context): Exchange {
  const anonymous = turns.every((turn) => isObject(turn) && otherKeys(turn).length === 0);
  const roleAt = (index: number): Role =>
    anonymous ? (index % 2 === 0 ? 'user' : 'assistant') : requireRole(turns[index], index, where, context);
  const place = turns.findIndex((_, index) => roleAt(index) === 'user');
  if (place < 0)
    throw invalidPrompts(
      context.source,
      `the conversation ${where} has no turn of the user; expected one from ${KNOWN_ROLES}, got ${quoteValue(turns)}`,
    );
  const prompt = textOfTurn(turns[place], place, where, context);
  if (prompt === undefined)
    throw invalidPrompts(context.source, `the user's turn ${where} has no text: it is ${quoteValue(turns[place])}`);
  return {
    prompt,
    response: () => {
      for (let index = place + 1; index < turns.length; index++) {
        if (roleAt(index) !== 'assistant') continue;
        const text = textOfTurn(turns[index], index, where, context);
        if ((text === undefined || isBlank(text)) && isCall(turns[index])) continue;
        return text;
      }
      return undefined;
    },
  };
}

/** The text of a response that is a list of turns: the first of the assistant. */
export function responseOfTurns(turns: readonly unknown[], where: string, context: Context): string | undefined {
  const index = turns.findIndex((turn, place) => requireRole(turn, place, where, context) === 'assistant');
  return index < 0 ? undefined : textOfTurn(turns[index], index, where, context);
}

/** The keys of a turn, in its own spelling, that are among `names` and have a value. */
function keysOf(turn: Readonly<Record<string, unknown>>, names: readonly string[]): string[] {
  return Object.keys(turn).filter((key) => names.includes(normalisedName(key)) && (turn[key] ?? null) !== null);
}

function authorOf(turn: Readonly<Record<string, unknown>>): unknown {
  const [key] = keysOf(turn, AUTHOR_KEYS);
  return key === undefined ? undefined : turn[key];
}

function hasAuthor(turn: unknown): turn is Record<string, unknown> {
  return isObject(turn) && authorOf(turn) !== undefined;
}

function saysSomething(turn: Record<string, unknown>): boolean {
  return (
    Object.keys(turn).some((key) => (CONTENT_KEYS as readonly string[]).includes(normalisedName(key))) || isCall(turn)
  );
}

/** Keys with a value that is not content, one of which may be the author. */
function otherKeys(turn: Readonly<Record<string, unknown>>): string[] {
  const content = keysOf(turn, CONTENT_KEYS);
  return Object.keys(turn).filter((key) => (turn[key] ?? null) !== null && !content.includes(key));
}

function requireRole(turn: unknown, index: number, where: string, { source }: Context): Role {
  const subject = `turn ${index + 1} of the conversation ${where}`;
  if (!isObject(turn))
    throw invalidPrompts(
      source,
      `${subject} is ${quoteValue(turn)}; expected {"from": …, "value": …} or {"role": …, "content": …}`,
    );
  const authors = keysOf(turn, AUTHOR_KEYS);
  const role = authors.length === 0 ? undefined : roleOf(turn[authors[0]!]);
  if (role !== undefined && authors.every((key) => roleOf(turn[key]) === role)) return role;
  if (authors.length === 0) {
    const others = otherKeys(turn);
    const found = others.length === 0 ? '' : `, got ${others.slice(0, 8).map(quote).join(', ')}`;
    throw invalidPrompts(
      source,
      `${subject} does not say from whom it is: ${quoteValue(turn)}; expected the author as "from" or "role"${found}. Rename the field with the author to "role"`,
    );
  }
  const problem = `is from ${authors.map((key) => quoteValue(turn[key])).join(' and ')}`;
  throw invalidPrompts(source, `${subject} ${problem}: ${quoteValue(turn)}; expected as author ${KNOWN_ROLES}`);
}

/** undefined for a turn whose content is null, or that calls a tool instead. */
function textOfTurn(turn: unknown, index: number, where: string, context: Context): string | undefined {
  const fields = turn as Record<string, unknown>;
  if (!saysSomething(fields))
    throw invalidPrompts(
      context.source,
      `turn ${index + 1} of the conversation ${where} has no text: it is ${quoteValue(turn)}; expected it as ${CONTENT_KEYS.map(quote).join(', ')}`,
    );
  const given = keysOf(fields, CONTENT_KEYS);
  const texts = given.map((key) => textOf(fields[key], `turn ${index + 1} ${where}`, context));
  if (texts.every((text) => text === texts[0])) return texts[0];
  throw invalidPrompts(
    context.source,
    `turn ${index + 1} of the conversation ${where} is ambiguous: ${given.join(' and ')} differ; expected one of them, got ${quoteValue(turn)}`,
  );
}

/** A turn that calls a tool: the answer comes after the tool's. */
function isCall(turn: unknown): boolean {
  const { tool_calls: calls, function_call: call } = turn as Record<string, unknown>;
  return (Array.isArray(calls) && calls.length > 0) || (call ?? null) !== null;
}

/** Types of content parts whose `text` is text. */
const TEXT_PARTS: readonly unknown[] = ['text', 'input_text', 'output_text', undefined];

/** Whether a value is a list of content parts, which have no authors as turns have. */
export function isPartList(value: unknown): value is Record<string, unknown>[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((part) => isObject(part) && ('type' in part || 'text' in part) && !hasAuthor(part))
  );
}

/**
 * A text, or the texts of a list of content parts, joined by line breaks; undefined for null.
 * @param what the subject of messages, as in "turn 1 in line 7"
 * @throws DndError INVALID_PROMPTS for anything else, such as an image
 */
export function textOf(value: unknown, what: string, { source }: Context): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  if (!isPartList(value)) throw invalidPrompts(source, `${what} is ${quoteValue(value)}; expected a string`);
  const texts = value.map((part) => {
    if (TEXT_PARTS.includes(part.type) && typeof part.text === 'string') return part.text;
    throw invalidPrompts(
      source,
      `${what} has a part that is not text: ${quoteValue(part)}; expected {"type": "text", "text": …}. Leave other parts out`,
    );
  });
  return texts.join('\n');
}
