import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPage } from './installation.js';
import { ROOT } from './root.js';

const page = readPage('docs/guides/errors.md');
const sections = page.split(/^### /m).slice(1);

/** The codes of the type `ErrorCode`. */
function errorCodes(): string[] {
  const [, union] = /export type ErrorCode =([^;]*);/.exec(readFileSync(join(ROOT, 'src/errors.ts'), 'utf8'))!;
  return [...union!.matchAll(/'(\w+)'/g)].map(([, code]) => code!);
}

test('the guide has a section for every error code, and for no other', () => {
  const codes = errorCodes();
  expect(codes.length).toBeGreaterThan(20);
  expect(sections.map((section) => section.split('\n')[0]).sort()).toEqual([...codes].sort());
});

test.each(sections.map((section) => [section.split('\n')[0]!, section]))(
  '%s has its cause and the way out',
  (_, text) => {
    expect(text).toMatch(/^\*Cause\.\* \S.{20,}\*Way out\.\*\s+\S.{15,}/ms);
  },
);
