/** Far deeper than any real file; deeper nesting overflows the stack of recursive functions. */
const DEEPEST = 1000;

/**
 * `JSON.parse` for text from outside.
 * @throws SyntaxError for invalid JSON, and for arrays and objects nested more than 1000 deep
 */
export function parseJsonText(text: string): unknown {
  const value: unknown = JSON.parse(text);
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) throw new SyntaxError(`it is nested more than ${DEEPEST} deep`);
    level = level.flatMap((outer) => containersIn(outer));
  }
  return value;
}

function containersIn(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).filter((inner) => typeof inner === 'object' && inner !== null);
}
