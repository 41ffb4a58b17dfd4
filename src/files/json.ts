import { whatItIs } from './sniff.js';

/** Far deeper than any real file; deeper nesting overflows the stack of recursive functions. */
const DEEPEST = 1000;

/**
 * `JSON.parse` for text from outside.
 * @throws SyntaxError for invalid JSON, by name where it is another kind of file (`sniff`), and for arrays and objects nested more than 1000 deep
 */
export function parseJsonText(text: string): unknown {
  const value = parsed(text);
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) throw new SyntaxError(`it is nested more than ${DEEPEST} deep`);
    level = level.flatMap((outer) => containersIn(outer));
  }
  return value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const other = whatItIs(text);
    throw other === undefined ? cause : new SyntaxError(other, { cause });
  }
}

function containersIn(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).filter((inner) => typeof inner === 'object' && inner !== null);
}
