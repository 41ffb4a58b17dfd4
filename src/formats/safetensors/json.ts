const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
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

/**
 * JSON.parse keeps the last of two equal keys and accepts 1.0 and 1e3 for whole numbers; a safetensors header may
 * contain neither. Searches text that JSON.parse has accepted for them; returns the problem, or undefined.
 */
export function headerFault(text: string): string | undefined {
  // The keys of every open object; none for an array.
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      let next = end;
      while (text.charCodeAt(next) <= SPACE) next++;
      if (text.charCodeAt(next) === COLON) {
        const key: string = JSON.parse(text.slice(at, end));
        const keys = open.at(-1)!;
        if (keys.has(key)) return `the key ${JSON.stringify(key.slice(0, 200))} appears twice`;
        keys.add(key);
      }
      at = next;
      continue;
    }
    if (code === OPEN_BRACE) open.push(new Set());
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
  return undefined;
}
