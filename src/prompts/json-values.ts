import { parseJsonText, tryJsonText } from '../files/index.js';
import type { Context } from './fields.js';
import { invalidPrompts, isBlank } from './problems.js';

/** A JSON value of a file of several, and the number, from 1, of the line in which it starts. */
export interface FoundValue {
  value: unknown;
  line: number;
}

/** Parsing this many values takes about a gigabyte; a prompt set has a few per prompt. */
const MOST_VALUES = 2 ** 24;

/**
 * The values of a text, usually one per line; also over several lines, or several in a line, as concatenated files have
 * them. White space, byte order marks and the record separators of RFC 7464 between them are skipped.
 * @returns undefined at blank lines, where only the event loop should run
 * @throws DndError INVALID_PROMPTS that names the line
 */
export function* jsonValues(text: string, context: Context): Generator<FoundValue | undefined> {
  let line = 1;
  // The line, by its end, that is known to have several values: parsing its rest for each would take quadratic time.
  let severalUntil = -1;
  let lineEnd = -1;
  for (let at = 0; ; ) {
    at = skipBlanks(text, at);
    if (at === text.length) return;
    if (text.charCodeAt(at) === LINE_FEED) {
      at++;
      line++;
      yield undefined;
      continue;
    }
    if (at > lineEnd) lineEnd = endOfLine(text, at);
    const rest = text.slice(at, lineEnd);
    if (severalUntil !== lineEnd && rest.length <= MOST_VALUES) {
      const found = tryJsonText(withoutNonFinite(rest));
      if (found !== undefined) {
        yield { value: found.value, line };
        at = lineEnd;
        continue;
      }
      severalUntil = lineEnd;
    }
    const end = endOfValue(text, at) ?? lineEnd;
    yield { value: parseLenientJson(text.slice(at, end), line, context), line };
    for (; lineEnd < end; lineEnd = endOfLine(text, lineEnd + 1)) line++;
    at = end;
  }
}

/**
 * Parses a value in which `NaN`, `Infinity` and `-Infinity`, which Python writes and JSON has not, count as null.
 * @param line the number of its first line in the file; undefined for a whole file
 * @throws DndError INVALID_PROMPTS for invalid JSON, and for more values than there is memory for, before they are made
 */
export function parseLenientJson(text: string, line: number | undefined, { source }: Context): unknown {
  if (text.length > MOST_VALUES && countValues(text) > MOST_VALUES)
    throw invalidPrompts(source, `it has more than ${MOST_VALUES} values; give a few hundred prompts of the task`);
  const finite = withoutNonFinite(text);
  try {
    return parseJsonText(finite);
  } catch (cause) {
    const where = line === undefined ? 'it' : `line ${line}`;
    const { message } = cause as Error;
    // V8 counts lines from the start of the value.
    const problem = line === undefined ? whereInText(message, finite) : message.replace(/ \(line \d+ column \d+\)/, '');
    throw invalidPrompts(source, `${where} is not valid JSON: ${problem}`, { cause });
  }
}

function endOfLine(text: string, start: number): number {
  const feed = text.indexOf('\n', start);
  return feed < 0 ? text.length : feed;
}

/** The end of the array or object that starts at `start`; undefined if there is none, or it does not end. */
export function endOfValue(text: string, start: number): number | undefined {
  let depth = 0;
  for (let place = start; place < text.length; place++) {
    const code = text.charCodeAt(place);
    if (code === QUOTE) {
      const end = endOfString(text, place);
      if (end === undefined) return undefined;
      place = end;
    } else if (code === BRACKET || code === BRACE) depth++;
    else if ((code === BRACKET_END || code === BRACE_END) && --depth === 0) return place + 1;
    if (depth === 0) return undefined;
  }
  return undefined;
}

/** The place of the closing quote; undefined for a string with a line break, which JSON does not allow. */
function endOfString(text: string, start: number): number | undefined {
  for (let place = start + 1; place < text.length; place++) {
    const code = text.charCodeAt(place);
    if (code === QUOTE) return place;
    if (code === LINE_FEED) return undefined;
    if (code === BACKSLASH) place++;
  }
  return undefined;
}

const NON_FINITE = /NaN|Infinity/;

/** `text` with null for every number that is not finite, outside strings. Valid JSON has none: it stays as it is. */
function withoutNonFinite(text: string): string {
  if (!NON_FINITE.test(text)) return text;
  const parts: string[] = [];
  let done = 0;
  for (let place = 0; place < text.length; place++) {
    const code = text.charCodeAt(place);
    if (code === QUOTE) place = endOfString(text, place) ?? text.length;
    if (code !== CAPITAL_N && code !== CAPITAL_I) continue;
    const name = code === CAPITAL_N ? 'NaN' : 'Infinity';
    if (!text.startsWith(name, place)) continue;
    const start = text.charCodeAt(place - 1) === MINUS ? place - 1 : place;
    parts.push(text.slice(done, start), 'null');
    done = place + name.length;
    place = done - 1;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(done);
}

/** Each value follows a comma, or opens an array or object. */
function countValues(text: string): number {
  let values = 0;
  for (let place = 0; place < text.length; place++) {
    const code = text.charCodeAt(place);
    if (code === COMMA || code === BRACKET || code === BRACE) values++;
  }
  return values;
}

/** The next place that is a line feed, or of something that shows. */
function skipBlanks(text: string, start: number): number {
  let place = start;
  for (; place < text.length; place++) {
    const code = text.charCodeAt(place);
    if (code === LINE_FEED || (code > SPACE && code < DELETE)) break;
    if (code !== SPACE && code !== RECORD_SEPARATOR && !isBlank(text[place]!)) break;
  }
  return place;
}

/** Converts V8's "at position 123" of a JSON error to a line number. */
function whereInText(message: string, text: string): string {
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position === undefined || /line \d+/.test(message)) return message;
  const before = text.slice(0, Number(position)).split('\n');
  return `${message} (line ${before.length} column ${before.at(-1)!.length + 1})`;
}

const [LINE_FEED, SPACE, QUOTE, COMMA, MINUS, CAPITAL_I, CAPITAL_N] = [0x0a, 0x20, 0x22, 0x2c, 0x2d, 0x49, 0x4e];
const RECORD_SEPARATOR = 0x1e;
const [BRACKET, BACKSLASH, BRACKET_END, BRACE, BRACE_END, DELETE] = [0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f];
