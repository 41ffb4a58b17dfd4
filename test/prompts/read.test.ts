import { join } from 'node:path';
import fc from 'fast-check';
import { readPromptSet } from '../../src/prompts/index.js';
import { usePromptFiles } from './files.js';

const { read } = usePromptFiles();

describe('text files', () => {
  test('contain one prompt per line; blank lines are skipped and spaces are kept', async () => {
    expect(await read('a.txt', 'first\n\n  second \n \t \nthird')).toEqual(['first', '  second ', 'third']);
  });

  test('may end their lines as Windows and old Macs do', async () => {
    expect(await read('a.txt', 'first\r\nsecond\rthird\r\n')).toEqual(['first', 'second', 'third']);
  });

  test('may start with a byte order mark', async () => {
    expect(await read('a.txt', '\ufefffirst\nsecond')).toEqual(['first', 'second']);
  });

  test('may begin with a question about HTML', async () => {
    expect(await read('a.txt', '<html> What is this?\n<body>?')).toEqual(['<html> What is this?', '<body>?']);
  });

  test('may be named in capitals', async () => {
    expect(await read('A.TXT', 'first')).toEqual(['first']);
  });

  test('give back whatever lines were written', async () => {
    const line = fc
      .string({ unit: 'grapheme', maxLength: 30 })
      .filter((s) => /\S/.test(s) && !/[\r\n\0\ufeff]/.test(s));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1 }), async (lines) => {
        expect(await read('property.txt', lines.join('\n'))).toEqual(lines);
      }),
    );
  });
});

describe('JSON files', () => {
  test.each([
    ['strings', ['one', 'two']],
    ['objects with a prompt', [{ prompt: 'one', response: 'x', system: 'y' }, { prompt: 'two' }]],
    [
      'conversations, of which the first turn counts',
      [
        {
          conversations: [
            { from: 'human', value: 'one' },
            { from: 'gpt', value: 'x' },
          ],
        },
        { conversations: [{ value: 'two' }] },
      ],
    ],
    [
      'conversations that a system message begins, which does not count',
      [
        {
          conversations: [
            { from: 'system', value: 'x' },
            { from: 'human', value: 'one' },
          ],
        },
        'two',
      ],
    ],
    ['an object with such a list as prompts', { prompts: ['one', 'two'] }],
    ['an object with such a list as data', { version: 1, data: [{ prompt: 'one' }, { prompt: 'two' }] }],
  ])('may hold %s', async (_, value) => {
    expect(await read('a.json', JSON.stringify(value, null, 2))).toEqual(['one', 'two']);
  });

  test('may hold a single item', async () => {
    expect(await read('a.json', '{"prompt": "one"}')).toEqual(['one']);
    expect(await read('a.json', '{"conversations": [{"value": "one"}]}')).toEqual(['one']);
  });

  test('may hold JSON Lines after all', async () => {
    expect(await read('a.json', '{"prompt": "one"}\n{"prompt": "two"}\n')).toEqual(['one', 'two']);
  });

  test('keep line breaks and spaces within prompts', async () => {
    expect(await read('a.json', '[" a\\nb \\t"]')).toEqual([' a\nb \t']);
  });

  test('give back whatever prompts were written', async () => {
    const prompt = fc.string({ unit: 'binary', maxLength: 30 }).filter((s) => /\S/.test(s) && !s.includes('\0'));
    await fc.assert(
      fc.asyncProperty(fc.array(prompt, { minLength: 1 }), async (prompts) => {
        expect(await read('property.json', JSON.stringify(prompts))).toEqual(prompts);
        expect(await read('property.jsonl', prompts.map((p) => JSON.stringify({ prompt: p })).join('\n'))).toEqual(
          prompts,
        );
      }),
    );
  });

  test('in the examples are all read', async () => {
    const examples = join(__dirname, '..', '..', 'examples', 'prompts');
    const [mathematics, code] = await Promise.all([
      readPromptSet(join(examples, 'gsm8k.json')),
      readPromptSet(join(examples, 'humaneval.json')),
    ]);
    expect(mathematics).toHaveLength(128);
    expect(mathematics[0]).toMatch(/^Janet’s ducks lay 16 eggs/);
    expect(code).toHaveLength(164);
    expect(code[0]).toMatch(/^from typing import List\n/);
  });
});

describe('JSON Lines files', () => {
  test('contain one item per line; blank lines are skipped', async () => {
    const content = '{"prompt": "one"}\r\n\n"two"\n{"conversations": [{"value": "three"}]}';
    expect(await read('a.jsonl', content)).toEqual(['one', 'two', 'three']);
  });
});

describe('CSV files', () => {
  test('hold the prompts in the column called so', async () => {
    const content = 'id,Prompt,response\n1,"one, with a comma",x\n2,"two\nlines",y\n\n3,"say ""three""",z\n';
    expect(await read('a.csv', content)).toEqual(['one, with a comma', 'two\nlines', 'say "three"']);
  });

  test('may have one column without a name', async () => {
    expect(await read('a.csv', 'one\n"two, with a comma"\n')).toEqual(['one', 'two, with a comma']);
  });

  test('may start with a prompt of several lines', async () => {
    expect(await read('a.csv', '"one\nline"\ntwo\n')).toEqual(['one\nline', 'two']);
  });

  test('may have one column with the name', async () => {
    expect(await read('a.csv', '\ufeffprompt\r\none\r\ntwo\r\n')).toEqual(['one', 'two']);
  });

  test.each([';', '\t'])('may separate columns by %j', async (delimiter) => {
    expect(await read('a.csv', `id${delimiter}prompt\n1${delimiter}one, two\n`)).toEqual(['one, two']);
  });
});
