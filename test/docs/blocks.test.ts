import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PACKAGE } from '../../src/package.js';
import { type Block, blocksOf, faultOf } from './blocks.js';
import { checkTypes, install, runBlock } from './installation.js';

jest.setTimeout(120_000); // the machine may be slow and shared

const block = (language: string, text: string, more: Partial<Block> = {}): Block => ({
  line: 1,
  language,
  text,
  ...more,
});

test('blocks are found with their line, language, text and the comment above them', () => {
  const page = [
    '# Page',
    '```sh',
    'dnd doctor',
    '```',
    '',
    '<!-- not run: needs a GPU -->',
    '```sh',
    'a',
    '',
    'b',
    '```',
    '- item',
    '  <!-- file: a.json -->',
    '  ```json',
    '  { "a": 1 }',
    '  ```',
  ];
  expect(blocksOf(page.join('\n'))).toEqual([
    { line: 2, language: 'sh', text: 'dnd doctor\n' },
    { line: 7, language: 'sh', text: 'a\n\nb\n', notRun: 'needs a GPU' },
    { line: 14, language: 'json', text: '{ "a": 1 }\n', file: 'a.json' },
  ]);
});

test('a comment that is not directly above a block says nothing of it', () => {
  expect(blocksOf('<!-- not run: needs a GPU -->\n\n```sh\na\n```')).toEqual([
    { line: 3, language: 'sh', text: 'a\n' },
  ]);
});

test('a fence that is never closed is refused', () => {
  expect(() => blocksOf('text\n```sh\na')).toThrow('the fence of line 2 is never closed');
});

test.each([
  ['no language', block('', 'dnd doctor'), 'language none; expected one of sh, ts, js, json, text'],
  ['another language', block('python', 'x'), 'language python'],
  ['an excuse that is none', block('sh', 'dnd doctor', { notRun: 'takes long' }), 'got takes long'],
  ['a command as text', block('text', '$ dnd demo\n'), 'a command in a block of text'],
  ['a command in the middle', block('text', 'first\ndnd demo\n'), 'a command in a block of text'],
  ['code that prints', block('sh', 'dnd demo', { prints: 'dnd demo' }), 'expected a block of text'],
  ['a file that is not JSON', block('sh', 'dnd demo', { file: 'a.sh' }), 'expected a block of JSON'],
])('a block with %s is at fault', (_, wrong, fault) => {
  expect(faultOf(wrong)).toContain(fault);
});

test.each([
  ['sh', {}],
  ['sh', { notRun: 'downloads a model over the network' }],
  ['text', {}],
  ['json', { file: 'a.json' }],
])('a block of %s with %j is fine', (language, more) => {
  expect(faultOf(block(language, '{}', more))).toBeUndefined();
});

describe('in a folder with the package installed', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dnd-blocks-'));
    install(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('a shell stops at the first command that fails, also in a pipe', async () => {
    await expect(runBlock(folder, block('sh', 'false\necho on'))).rejects.toThrow('Command failed');
    await expect(runBlock(folder, block('sh', 'false | cat'))).rejects.toThrow('Command failed');
    expect(await runBlock(folder, block('sh', 'npx dnd --version && dnd --version'))).toBe(
      `${PACKAGE.version}\n${PACKAGE.version}\n`,
    );
  });

  test('a file is there for the blocks after it, and JSON has to be JSON', async () => {
    await runBlock(folder, block('json', '{ "a": [1] }', { file: 'a.json' }));
    expect(readFileSync(join(folder, 'a.json'), 'utf8')).toBe('{ "a": [1] }');
    await expect(runBlock(folder, block('json', '{ "a": … }'))).rejects.toThrow('JSON');
  });

  test('code finds the package by its name, in TypeScript, ESM and CommonJS', async () => {
    const use = 'console.log(Object.keys(PRESETS).length)';
    const imported = `import { PRESETS } from 'dnd-lora';\n${use}`;
    const blocks = [
      block('ts', `${imported};\nconst n: number = 6;\nconsole.log(n)`, { line: 11 }),
      block('js', imported, { line: 12 }),
      block('js', `const { PRESETS } = require('dnd-lora');\n${use}`, { line: 13 }),
    ];
    const printed: string[] = [];
    for (const each of blocks) printed.push(await runBlock(folder, each));
    expect(printed).toEqual(['6\n6\n', '6\n', '6\n']);
    await expect(runBlock(folder, block('js', "throw new Error('broken')", { line: 14 }))).rejects.toThrow('broken');
  });

  test('wrong types are found', async () => {
    const right = block('ts', "import { PRESETS } from 'dnd-lora';\nconst names: string[] = Object.keys(PRESETS);");
    await checkTypes(folder, [right]);
    const wrong = block('ts', "import { PRESETS } from 'dnd-lora';\nconst n: number = PRESETS;", { line: 3 });
    await expect(checkTypes(folder, [right, wrong])).rejects.toThrow(/block-3\.ts\(2,7\): error TS2322/);
  });
});
