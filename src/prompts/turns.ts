import { isObject, quoteValue } from '../validation/index.js';
import type { Context } from './fields.js';
import { AUTHOR_KEYS, CONTENT_KEYS, KNOWN_ROLES, type Role, roleOf } from './names.js';
import { invalidPrompts, isBlank } from './problems.js';

/** What a conversation is read as. */
export interface Exchange {
  /** The first turn of the user. */
  prompt: string;
  /** The next turn of the assistant, undefined without one. It fails only when asked for. */
  response: () => string | undefined;
}

/** A list of objects that name their authors: a conversation, whichever field it is in. */
export function isTurnList(value: unknown): value is Record<string, unknown>[] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((turn) => isObject(turn) && authorOf(turn) !== undefined)
  );
}

/**
 * The first turn of the user, and the next turn of the assistant; turns of the system and of tools are skipped. Where no
 * turn names its author, the user begins and both alternate.
 * @param where its position, as in "in line 7"
 * @throws DndError INVALID_PROMPTS for a conversation without a user's turn, an unknown author, or a turn without text
 */
export function exchangeOf(turns: readonly unknown[], where: string, context: Context): Exchange {
  const anonymous = turns.every((turn) => isObject(turn) && authorOf(turn) === undefined);
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

function authorOf(turn: Record<string, unknown>): unknown {
  return AUTHOR_KEYS.map((key) => turn[key]).find((author) => author !== undefined && author !== null);
}

function requireRole(turn: unknown, index: number, where: string, { source }: Context): Role {
  if (!isObject(turn))
    throw invalidPrompts(
      source,
      `turn ${index + 1} of the conversation ${where} is ${quoteValue(turn)}; expected {"from": …, "value": …} or {"role": …, "content": …}`,
    );
  const author = authorOf(turn);
  const role = roleOf(author);
  if (role !== undefined) return role;
  const problem = author === undefined ? 'does not say from whom it is' : `is from ${quoteValue(author)}`;
  throw invalidPrompts(
    source,
    `turn ${index + 1} of the conversation ${where} ${problem}: ${quoteValue(turn)}; expected as author ${KNOWN_ROLES}`,
  );
}

function textOfTurn(turn: unknown, index: number, where: string, context: Context): string | undefined {
  const given = CONTENT_KEYS.filter((key) => ((turn as Record<string, unknown>)[key] ?? null) !== null);
  const texts = given.map((key) =>
    textOf((turn as Record<string, unknown>)[key], `turn ${index + 1} ${where}`, context),
  );
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

/** Whether a value is a list of content parts. */
export function isPartList(value: unknown): value is Record<string, unknown>[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((part) => isObject(part) && ('type' in part || 'text' in part))
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
