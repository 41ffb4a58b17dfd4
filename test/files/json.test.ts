import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseJsonText, readJson } from '../../src/files/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const temporary = useTemporaryFolder();
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

test('JSON from outside is parsed as JSON.parse does', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      expect(parseJsonText(text)).toEqual(JSON.parse(text));
    }),
  );
  expect(() => parseJsonText('{')).toThrow(SyntaxError);
});

test('what is nested too deep to be worked with is no valid JSON', () => {
  expect(parseJsonText(nested(1000))).toBeDefined();
  expect(() => parseJsonText(nested(1002))).toThrow('nested more than 1000 deep');
  expect(() => parseJsonText(`{"a":${nested(100_000)}}`)).toThrow('nested more than 1000 deep');
});

test('a file that is nested so is damaged', async () => {
  const path = join(temporary(), 'deep.json');
  await writeFile(path, nested(100_000));
  await expect(readJson(path)).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining(`${path} is not valid JSON: it is nested`),
  });
});
