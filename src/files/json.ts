import { whatItIs } from './sniff.js';

/** Far deeper than any real file; deeper nesting overflows the stack of recursive functions. */
const DEEPEST = 1000;

/**
 * `JSON.parse` for text from outside.
 * @throws SyntaxError for invalid JSON, by name where it is another kind of file (`sniff`), and for arrays and objects nested more than 1000 deep
 */
export function parseJsonText(text: string): unknown {
  const value = parsed(text);
  if (isTooDeep(value)) throw new SyntaxError(`it is nested more than ${DEEPEST} deep`);
  return value;
}

/** As `parseJsonText`, where a failure is no surprise: it returns undefined, without a look at what else the text is. */
export function tryJsonText(text: string): { value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isTooDeep(value) ? undefined : { value };
  } catch {
    return undefined;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const other = whatItIs(text);
    throw other === undefined ? cause : new SyntaxError(other, { cause });
  }
}

function isTooDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) return true;
    level = level.flatMap((outer) => containersIn(outer));
  }
  return false;
}

function containersIn(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).filter((inner) => typeof inner === 'object' && inner !== null);
}
