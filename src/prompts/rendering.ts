import { DndError } from '../errors.js';
import type { NamedFields } from './named-fields.js';
import { RESPONSE_FIELDS } from './names.js';
import { isBlank } from './problems.js';
import { hasTemplate } from './transcript.js';
import type { Exchange } from './turns.js';

/**
 * Whether `text` is what other fields are in a template, as in Alpaca's own files: it has all parts of the prompt in it, in
 * their order, and then the response, or the marks of a template. A text that merely contains a word is none.
 */
export function isRendering(
  text: unknown,
  item: NamedFields,
  readings: readonly (Exchange & { fields: readonly string[] })[],
): boolean {
  if (typeof text !== 'string' || readings.length === 0) return false;
  return readings.every((reading) => {
    const parts = reading.fields.map((name) => item.item[name]);
    const joined = parts.every((part): part is string => typeof part === 'string' && reading.prompt.includes(part));
    const texts = joined ? (parts as string[]) : [reading.prompt];
    const end = endOf(texts, text);
    if (end === undefined) return false;
    const responses = responsesOf(item, reading);
    return responses.length === 0
      ? hasTemplate(text)
      : responses.some((response) => endOf([response], text, end) !== undefined);
  });
}

/** The place after the last of some texts that follow one another in a text; templates trim them. */
function endOf(texts: readonly string[], text: string, start = 0): number | undefined {
  let end = start;
  for (const one of texts.map((each) => each.trim())) {
    const found = text.indexOf(one, end);
    if (found < 0) return undefined;
    end = found + one.length;
  }
  return end;
}

/** Every text that may be the response, without those that fail, which are reported when they are asked for. */
function responsesOf(item: NamedFields, { response }: Exchange): string[] {
  const { responseField } = item.context.fields;
  const names = responseField === undefined ? RESPONSE_FIELDS.map((name) => item.spelling(name)) : [responseField];
  const values = [...names.map((name) => item.item[name]), ownResponse(response)];
  return values.filter((value): value is string => typeof value === 'string' && !isBlank(value));
}

function ownResponse(response: () => string | undefined): string | undefined {
  try {
    return response();
  } catch (error) {
    if (error instanceof DndError) return undefined;
    throw error;
  }
}
