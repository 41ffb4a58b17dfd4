import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { type PromptItem, readPromptItems, readPromptSet } from '../../src/prompts/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const FIXTURES = join(__dirname, '..', 'fixtures', 'prompts');
const folder = useTemporaryFolder();

async function read(name: string, content: string | Uint8Array): Promise<PromptItem[]> {
  await writeFile(join(folder(), name), content);
  return readPromptItems(join(folder(), name));
}

const item = (prompt: string, response = ''): PromptItem => ({ prompt, response });

test.each<[string, PromptItem[]]>([
  ['alpaca.json', [item('Classify the rock.\nblack, glassy', 'obsidian'), item('Name an igneous rock.', 'basalt')]],
  ['array-one-line.jsonl', [item('What is silt?'), item('What is clay?')]],
  ['bom-middle.jsonl', [item('A?'), item('B?')]],
  ['bom-middle.txt', [item('First?'), item('Second?')]],
  ['chat-prompt.jsonl', [item('What is slate?', 'A metamorphic rock.')]],
  ['excel-empty-rows.csv', [item('What is silt?', 'mud')]],
  ['excel-sep.csv', [item('Was ist Löss?', 'Staub')]],
  ['nan.json', [item('What is gneiss?')]],
  ['nan.jsonl', [item('What is gneiss?'), item('What is schist?')]],
  ['one-col-question.csv', [item('What is silt?'), item('What is clay?')]],
  ['openai.jsonl', [item('What is marl?', 'Lime-rich mud.')]],
  ['p.ndjson', [item('What is silt?')]],
  ['pretty.jsonl', [item('What is silt?'), item('What is clay?')]],
  ['prompt_tsv.tsv', [item('What is silt?', 'mud')]],
  ['question.csv', [item('What is silt?', 'mud')]],
  ['question.jsonl', [item('Is 91 prime?', 'no')]],
  ['sharegpt-System.jsonl', [item('What is chert?')]],
  ['sharegpt-empty-conv.json', [item('What is tuff?')]],
  [
    'sharegpt-gpt-first.jsonl',
    [item('How deep is the Baltic Sea?', 'About 55 m on average.'), item('Name a granite mineral.', 'Quartz.')],
  ],
  ['sharegpt-mixed-tool.jsonl', [item('Is it cold?')]],
  ['surrogate.jsonl', [item('half \ufffd of an emoji'), item('😀 whole')]],
  ['text.jsonl', [item('hi', 'hello')]],
  ['u2028.txt', [item('one\u2028still one'), item('three\v')]],
])('%s of public bug reports is read as it was meant', async (name, items) => {
  expect(await readPromptItems(join(FIXTURES, name))).toEqual(items);
});

const turns = (prompt: string, response: string) => [
  { role: 'user', content: prompt },
  { role: 'assistant', content: response },
];

describe('a conversation is read as the first turn of the user and the next of the assistant', () => {
  test.each<[string, unknown]>([
    [
      'after turns of the system and the assistant, in any case',
      {
        messages: [
          { role: 'Developer', content: 'x' },
          { role: 'ASSISTANT', content: 'x' },
          ...turns('one', 'first'),
          ...turns('x', 'x'),
        ],
      },
    ],
    [
      'with a tool between, as LLaMA-Factory has it',
      {
        tools: '[]',
        conversations: [
          { from: 'human', value: 'one' },
          { from: 'function_call', value: '{"name": "f"}' },
          { from: 'observation', value: '4' },
          { from: 'gpt', value: 'first' },
        ],
      },
    ],
    [
      'with a tool between, as OpenAI has it',
      {
        messages: [
          { role: 'user', content: [{ type: 'text', text: 'one' }] },
          { role: 'assistant', content: null, tool_calls: [{ id: 'a' }] },
          { role: 'tool', content: '4', tool_call_id: 'a' },
          { role: 'assistant', content: [{ type: 'text', text: 'first' }] },
        ],
      },
    ],
    [
      'with the roles of Gemini',
      {
        messages: [
          { role: 'user', parts: [{ text: 'one' }] },
          { role: 'model', parts: [{ text: 'first' }] },
        ],
      },
    ],
    ['without a field', turns('one', 'first')],
    ['without roles', { conversations: [{ value: 'one' }, { value: 'first' }] }],
    ['as a text of JSON', { messages: JSON.stringify(turns('one', 'first')) }],
    ['in prompt and completion', { prompt: [turns('one', '')[0]], completion: [turns('', 'first')[1]] }],
    ['in a prompt of several turns', { prompt: [...turns('one', 'first'), turns('two', '')[0]], completion: 'x' }],
    ['beside its own prompt', { prompt: 'one', prompt_id: 'x', messages: turns('one', 'first') }],
    ['that is the history of an Alpaca item', { instruction: 'x', output: 'x', history: [['one', 'first']] }],
  ])('%s', async (_, value) => {
    const items = [item('one', 'first'), item('two', 'second')];
    const other = { messages: turns('two', 'second') };
    expect(await read('a.json', JSON.stringify([value, other]))).toEqual(items);
    expect(await read('a.jsonl', `${JSON.stringify(value)}\n${JSON.stringify(other)}\n`)).toEqual(items);
  });
});

test.each<[string, string, string]>([
  ['several values in a line', 'a.jsonl', '{"prompt":"one"}{"prompt":"two"}'],
  ['files that were concatenated without a line break', 'a.jsonl', '{"prompt":"one"}\ufeff{"prompt":"two"}'],
  ['values of several lines', 'a.jsonl', '{\n"prompt": "one"\n}\n{\n"prompt": "two"\n}\n'],
  ['record separators', 'a.jsonl', '\x1e{"prompt":"one"}\n\x1e{"prompt":"two"}\n'],
  ['arrays one after the other', 'a.json', '[{"prompt":"one"}]\n\ufeff[{"prompt":"two"}]'],
  ['columns', 'a.json', '{"prompt":["one","two"],"id":[1,2]}'],
  ['columns of pandas', 'a.json', '{"prompt":{"0":"one","1":"two"},"id":{"0":1,"1":2}}'],
  [
    'columns in another order, with a value for all',
    'a.json',
    '{"prompt":{"0":"one","1":"two"},"id":{"1":1,"0":2},"set":"x"}',
  ],
  ['columns of which one is called test', 'a.json', '{"prompt":["one","two"],"test":["x","y"]}'],
  ['columns of conversations', 'a.json', JSON.stringify({ messages: [turns('one', ''), turns('two', '')] })],
  ['rows of pandas', 'a.json', '{"0":{"prompt":"one"},"1":{"prompt":"two"}}'],
  ['a table of pandas', 'a.json', '{"columns":["id","prompt"],"index":[0,1],"data":[[1,"one"],[2,"two"]]}'],
  [
    'rows of the dataset viewer',
    'a.json',
    '{"rows":[{"row_idx":0,"row":{"text":"one"}},{"row_idx":1,"row":{"text":"two"}}]}',
  ],
  ['a byte order mark at both ends', 'a.json', '\ufeff\ufeff["one","two"]\n\ufeff'],
  ['NaN in a column', 'a.json', '{"prompt":["one","two"],"response":[NaN,-Infinity]}'],
  ['fields in other case', 'a.jsonl', '{"Prompt":"one"}\n{"PROMPT":"two"}'],
  ['the header of Excel with tabs', 'a.csv', '"sep=\t"\r\nid\tPrompt\r\n1\tone\r\n2\ttwo\r\n'],
  ['headers in the middle', 'a.csv', '\ufeffprompt,id\none,1\n\ufeffprompt,id\ntwo,2\n'],
  ['a quoted cell after a byte order mark', 'a.csv', 'prompt\n\ufeff"one"\n"two"'],
  ['no header and tabs', 'a.tsv', 'one\ntwo'],
  ['commas in a file called .tsv', 'a.tsv', 'prompt,id\none,1\ntwo,2'],
])('%s are read: %s %j', async (_, name, content) => {
  expect(await read(name, content)).toEqual([item('one'), item('two')]);
});

test('quotes within tab-separated cells are kept', async () => {
  expect(await read('a.tsv', 'question\tanswer\nSay "hi"\t"hi"\n"Hi" is?\tgreeting\n')).toEqual([
    item('Say "hi"', 'hi'),
    item('"Hi" is?', 'greeting'),
  ]);
});

test('standard input may be CSV with known columns, or gzip of any form', async () => {
  const stream = async function* (bytes: Uint8Array) {
    yield bytes;
  };
  expect(await readPromptSet('-', stream(Buffer.from('question,answer\n"one, two",x\n')))).toEqual(['one, two']);
  expect(await readPromptSet('-', stream(gzipSync('{"prompt":"one"}\n{"prompt":"two"}')))).toEqual(['one', 'two']);
});

describe('every form gives back the same items', () => {
  const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
  // White space at the ends would be lost in Guanaco's form; a text is told apart from its template by its marks.
  const text = word.filter((one) => /^[^\s\0\ufeff#<[]+$/.test(one) && /[\p{L}\p{N}]/u.test(one));
  const items = fc.array(fc.record({ prompt: text, response: text }), { minLength: 2, maxLength: 5 });
  const lines = (values: unknown[]) => values.map((value) => JSON.stringify(value)).join('\n');
  const cell = (value: string) => `"${value.replaceAll('"', '""')}"`;
  const table = (names: [string, string], separator: string) => (written: PromptItem[]) =>
    [names, ...written.map(({ prompt, response }) => [prompt, response])]
      .map((row) => row.map(cell).join(separator))
      .join('\r\n');
  const named = (prompt: string, response: string) => (written: PromptItem[]) =>
    written.map((one) => ({ id: 7, [prompt]: one.prompt, [response]: one.response }));
  const objects = [
    ...['prompt', 'question', 'query', 'input', 'text', 'instruction'].flatMap((prompt) =>
      ['response', 'answer', 'output', 'completion'].map((response) => named(prompt, response)),
    ),
    (written: PromptItem[]) => written.map(({ prompt, response }) => ({ messages: turns(prompt, response) })),
    (written: PromptItem[]) =>
      written.map(({ prompt, response }) => ({
        conversations: [
          { from: 'system', value: 'Be brief.' },
          { from: 'human', value: prompt },
          { from: 'gpt', value: response },
        ],
      })),
    (written: PromptItem[]) => written.map(({ prompt, response }) => turns(prompt, response)),
    (written: PromptItem[]) =>
      written.map(({ prompt, response }) => ({ text: `### Human: ${prompt} ### Assistant: ${response}` })),
    (written: PromptItem[]) =>
      written.map(({ prompt, response }) => ({
        prompt: turns(prompt, '').slice(0, 1),
        completion: turns('', response).slice(1),
      })),
  ];
  const files: [string, (written: PromptItem[]) => string][] = [
    ['p.csv', table(['prompt', 'response'], ',')],
    ['p.csv', table(['question', 'answer'], ';')],
    ['p.tsv', table(['Instruction', 'Output'], '\t')],
    ['p.csv', (written) => `sep=;\r\n${table(['input', 'completion'], ';')(written)}`],
    [
      'p.json',
      (written) =>
        JSON.stringify({ prompt: written.map((one) => one.prompt), response: written.map((one) => one.response) }),
    ],
    ...objects.flatMap((form): [string, (written: PromptItem[]) => string][] => [
      ['p.json', (written) => JSON.stringify(form(written), null, 1)],
      ['p.json', (written) => JSON.stringify({ data: form(written) })],
      ['p.jsonl', (written) => lines(form(written))],
      [
        'p.jsonl',
        (written) =>
          form(written)
            .map((value) => JSON.stringify(value, null, 2))
            .join('\n\n'),
      ],
      ['p.ndjson', (written) => `\ufeff${lines(form(written))}\n`],
    ]),
  ];

  test('of texts of any script, plain or compressed', async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.constantFrom(...files), fc.boolean(), async (written, [name, write], compress) => {
        const content = write(written);
        const found = compress ? await read(`${name}.gz`, gzipSync(content)) : await read(name, content);
        expect(found).toEqual(written);
      }),
      { numRuns: 300 },
    );
  });

  test('and a few changed characters end in items or an error of ours', async () => {
    const change = fc.record({
      place: fc.nat(),
      remove: fc.nat(3),
      insert: fc.constantFrom(
        '',
        '"',
        '{',
        '}',
        '[',
        ']',
        ',',
        ';',
        '\t',
        '\n',
        '\ufeff',
        '\0',
        '\ud83d',
        'NaN',
        ':',
        'null',
        '7',
        '\\',
        'user',
      ),
    });
    await fc.assert(
      fc.asyncProperty(
        items,
        fc.constantFrom(...files),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        async (written, [name, write], changes) => {
          let content = write(written);
          for (const { place, remove, insert } of changes) {
            const at = place % (content.length + 1);
            content = content.slice(0, at) + insert + content.slice(at + remove);
          }
          const found = await read(name, content).catch((error) => error);
          if (Array.isArray(found)) for (const { prompt } of found) expect(prompt).toMatch(/\S/);
          else expect(['INVALID_PROMPTS', 'CORRUPT_FILE']).toContain(found.code);
        },
      ),
      { numRuns: 600 },
    );
  });
});
