import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDescriptions } from '../../src/prompts/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();

async function read(name: string, text: string): Promise<string[]> {
  const path = join(folder(), name);
  await writeFile(path, text);
  return readDescriptions(path);
}

test.each([
  ['a plain scalar', '---\nname: x\ndescription: Gives the capital: of a country.\n---\n# X\n'],
  ['quotes', '---\ndescription: "Gives the capital: of a country."\n---\n'],
  ['single quotes', "---\r\ndescription: 'Gives the capital: of a country.'\r\nname: y\r\n---\r\ntext"],
  ['a folded block', '---\ndescription: >-\n  Gives the capital:\n  of a country.\nname: y\n---\n'],
  ['further lines', '---\ndescription: Gives the capital:\n  of a\n  country.\n---\n'],
])('of a skill file, the description in its front matter: %s', async (_, text) => {
  expect(await read('SKILL.md', text)).toEqual(['Gives the capital: of a country.']);
});

test('quotes within quotes', async () => {
  expect(await read('a.md', '---\ndescription: "Say \\"yes\\"."\n---\n')).toEqual(['Say "yes".']);
  expect(await read('b.md', "---\ndescription: 'It''s so.'\n---\n")).toEqual(["It's so."]);
});

test('of another Markdown file, all of it', async () => {
  const text = '# Capitals\n\nGive the capital.\n---\ndescription: not this\n---\n';
  expect(await read('a.md', text)).toEqual([text.trim()]);
  expect(await read('b.markdown', '---\nname: b\n---\nGive it.\n')).toEqual(['---\nname: b\n---\nGive it.']);
});

test('of a prompt file, its items', async () => {
  expect(await read('a.txt', 'Give the capital.\nCapitals of countries.\n')).toHaveLength(2);
  expect(await read('a.json', '["Give the capital."]')).toEqual(['Give the capital.']);
});

test('nothing is no description', async () => {
  const refusal = (text: string) => ({ code: 'INVALID_PROMPTS', message: expect.stringContaining(text) });
  await expect(read('a.md', ' \n')).rejects.toMatchObject(refusal('a.md: there is no description in it'));
  await expect(read('b.md', '---\ndescription: ""\n---\ntext')).rejects.toMatchObject(refusal('no description'));
  await expect(read('c.md', 'a\0b')).rejects.toMatchObject(refusal('NUL character'));
});
