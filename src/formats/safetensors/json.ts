import { METADATA_KEY } from './reader.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const MINUS = 0x2d;
const SPACE = 0x20;

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** The index after the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = start + 1; ; end++) {
    end = text.indexOf('"', end);
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return end + 1;
  }
}

function endOfDigits(text: string, start: number): number {
  let end = start;
  while (isDigit(text.charCodeAt(end))) end++;
  return end;
}

/** A key of the header's own object, and where the text of its value is. */
interface Entry {
  start: number;
  end: number;
}

/**
 * JSON.parse keeps the last of two equal keys and accepts 1.0 and 1e3 for whole numbers. Searches the text of a
 * safetensors header, which JSON.parse has accepted, for them; returns the problem, or undefined. Only a tensor that is
 * described twice in the same words passes, as with the reference library: with different words, readers that keep the
 * first and readers that keep the last would read different tensors.
 */
export function headerFault(text: string): string | undefined {
  // The keys of every open object; none for an array.
  const open: (Map<string, Entry> | undefined)[] = [];
  let entry: Entry | undefined;
  const repeated: [string, Entry, Entry][] = [];
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      let next = end;
      while (text.charCodeAt(next) <= SPACE) next++;
      if (text.charCodeAt(next) === COLON) {
        const key: string = JSON.parse(text.slice(at, end));
        const keys = open.at(-1)!;
        const before = keys.get(key);
        const own = { start: next + 1, end: next + 1 };
        if (before && (open.length > 1 || key === METADATA_KEY)) return twice(key);
        if (before) repeated.push([key, before, own]);
        keys.set(key, own);
        if (open.length === 1) entry = own;
      }
      at = next;
      continue;
    }
    if (open.length === 1 && entry && (code === COMMA || code === CLOSE_BRACE)) entry.end = at;
    if (code === OPEN_BRACE) open.push(new Map());
    else if (code === OPEN_BRACKET) open.push(undefined);
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) open.pop();
    else if (code === MINUS || isDigit(code)) {
      const end = endOfDigits(text, at);
      if (end === at || '.eE'.includes(text.charAt(end) || ' ')) {
        return `the number ${text.slice(at, at + 20)}… is not a non-negative integer written plainly`;
      }
      at = end;
      continue;
    }
    at++;
  }
  const described = ({ start, end }: Entry) => JSON.stringify(JSON.parse(text.slice(start, end)));
  const differing = repeated.find(([, one, other]) => described(one) !== described(other));
  return differing && twice(differing[0]);
}

function twice(key: string): string {
  return `the key ${JSON.stringify(key.slice(0, 200))} appears twice`;
}
