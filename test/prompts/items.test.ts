import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { type PromptItem, readPromptItems, readPromptSet } from '../../src/prompts/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();

async function read(name: string, content: string): Promise<PromptItem[]> {
  await writeFile(join(folder(), name), content);
  return readPromptItems(join(folder(), name));
}

const ITEMS = [
  { prompt: 'one', response: 'first' },
  { prompt: 'two', response: '' },
];

test.each<[string, string, string]>([
  [
    'JSON objects, whose system prompt does not count',
    'a.json',
    '[{"prompt":"one","response":"first","system":"x"},{"prompt":"two"}]',
  ],
  ['JSON Lines', 'a.jsonl', '{"prompt":"one","response":"first"}\n"two"\n'],
  ['a response that is null', 'a.jsonl', '{"prompt":"one","response":"first"}\n{"prompt":"two","response":null}\n'],
  [
    'ShareGPT conversations: question and answer turns',
    'a.json',
    JSON.stringify([
      {
        conversations: [
          { from: 'system', value: 'x' },
          { from: 'human', value: 'one' },
          { from: 'gpt', value: 'first' },
          { from: 'human', value: 'more' },
        ],
      },
      { conversations: [{ from: 'human', value: 'two' }] },
    ]),
  ],
  ['columns of CSV', 'a.csv', 'Response,id,Prompt\nfirst,1,one\n,2,two\n'],
])('responses come from %s', async (_, name, content) => {
  expect(await read(name, content)).toEqual(ITEMS);
});

test.each<[string, string]>([
  ['a.txt', 'one\ntwo\n'],
  ['a.csv', 'prompt,label\none,first\ntwo,second\n'],
  ['a.csv', 'one\ntwo\n'],
  ['a.json', '["one", "two"]'],
])('%s with %j has none', async (name, content) => {
  expect(await read(name, content)).toEqual([
    { prompt: 'one', response: '' },
    { prompt: 'two', response: '' },
  ]);
});

test.each<[string, string, string]>([
  ['a.json', '[{"prompt":"one","response":7}]', 'the response of item 1 of 1 is 7; expected a string'],
  ['a.jsonl', '"one"\n{"prompt":"two","response":["x"]}', 'the response in line 2 is ["x"]'],
  ['a.json', '[{"conversations":[{"value":"one"},{"value":{}}]}]', 'turn 2 of item 1 of 1 is {}'],
  ['a.csv', 'prompt,response\none,a\0b\n', 'the response that ends in line 2 has a NUL character'],
])('%s with %j is refused; who only wants prompts does not mind', async (name, content, message) => {
  await expect(read(name, content)).rejects.toMatchObject({
    code: 'INVALID_PROMPTS',
    message: expect.stringContaining(message),
  });
  expect((await readPromptSet(join(folder(), name)))[0]).toBe('one');
});

const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((s) => !s.includes('\0'));
const items = fc.array(fc.record({ prompt: text.filter((s) => /\S/.test(s)), response: text }), { minLength: 1 });

test('whatever was written as JSON or JSON Lines is given back', async () => {
  await fc.assert(
    fc.asyncProperty(items, async (written) => {
      expect(await read('p.json', JSON.stringify(written))).toEqual(written);
      expect(await read('p.jsonl', written.map((item) => JSON.stringify(item)).join('\n'))).toEqual(written);
      const conversations = written.map(({ prompt, response }) => ({
        conversations: [
          { from: 'human', value: prompt },
          { from: 'gpt', value: response },
        ],
      }));
      expect(await read('p.json', JSON.stringify(conversations))).toEqual(written);
    }),
  );
});

test('whatever was written as CSV is given back, or refused where tabs make it ambiguous', async () => {
  // Half of a surrogate pair is no UTF-8, and would be written as U+FFFD.
  const quoted = (value: string) => `"${value.replaceAll('"', '""')}"`;
  const whole = items.filter((written) =>
    written.every(({ prompt, response }) => !/\p{Surrogate}/u.test(`${prompt}\n${response}`)),
  );
  await fc.assert(
    fc.asyncProperty(whole, fc.constantFrom(',', ';', '\t'), async (written, delimiter) => {
      const rows = written.map(({ prompt, response }) => [response, prompt].map(quoted).join(delimiter));
      const content = [['response', 'prompt'].join(delimiter), ...rows].join('\n');
      // With tabs, such a cell may as well be several rows with quotes of their own.
      const mayBeRows = (cell: string) => /[\r\n]/.test(cell) && (cell.includes('\t') || cell.startsWith('"'));
      if (delimiter === '\t' && written.some(({ prompt, response }) => mayBeRows(prompt) || mayBeRows(response)))
        await expect(read('p.csv', content)).rejects.toThrow('is ambiguous');
      else expect(await read('p.csv', content)).toEqual(written);
    }),
    { examples: [[[{ prompt: '\n\t\u000e', response: '' }], '\t']] },
  );
});
