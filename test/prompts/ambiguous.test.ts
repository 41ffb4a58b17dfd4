import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type PromptFields, type PromptItem, readPromptItems, readPromptSet } from '../../src/prompts/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();

async function read(name: string, content: string | Uint8Array, fields?: PromptFields): Promise<PromptItem[]> {
  await writeFile(join(folder(), name), content);
  return readPromptItems(join(folder(), name), fields);
}

describe('what may mean several things is refused, with the way out', () => {
  test.each<[string, unknown, string]>([
    ['two prompts', { prompt: 'a', question: 'b' }, '"prompt" and "question" each have a prompt, and they differ'],
    ['a prompt with an input', { prompt: 'a', input: 'b', output: 'c' }, '--prompt-field prompt,input'],
    [
      'another prompt beside a conversation',
      { prompt: 'a', messages: [{ role: 'user', content: 'b' }] },
      '"messages" and "prompt"',
    ],
    ['a question about a passage', { context: 'c', question: 'q' }, 'Join them: --prompt-field context,question'],
    ['a question with choices', { question: 'q', choices: ['x', 'y'] }, '--prompt-field question,choices'],
    [
      'a prompt about a passage',
      { prompt: 'q', context: 'c' },
      'Join them: --prompt-field context,prompt, or leave it',
    ],
    ['an instruction about a passage', { instruction: 'i', Passage: 'c' }, '--prompt-field Passage,instruction'],
    [
      'an instruction with input, about a document',
      { instruction: 'i', input: 'n', document: 'd' },
      '--prompt-field document,instruction,input',
    ],
    [
      'choices of another type',
      { prompt: 'q', choices: { text: ['x'] } },
      'If it does not, leave it out: --prompt-field prompt',
    ],
    [
      'a choice in each field',
      { question: 'q', A: 'x', B: 'y', answer: 'A' },
      'Join them: --prompt-field question,A,B, or leave them',
    ],
    [
      'two responses',
      { prompt: 'a', response: 'b', answer: 'c' },
      'several responses that differ: "response" and "answer"',
    ],
    ['fields that differ in case', { prompt: 'a', Prompt: 'b' }, 'several fields called "prompt", in different case'],
    [
      'an answer in a chat template',
      { text: '<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb' },
      'it has an answer in it',
    ],
    ["an answer in Llama 2's template", { text: '[INST] a [/INST] b' }, '--prompt-field text'],
    ['an answer in a dialogue', { text: 'Human: a\n\nAssistant: b' }, 'it has an answer in it'],
    [
      'an unknown author',
      { messages: [{ role: 'student', content: 'a' }] },
      'turn 1 of the conversation of item 1 of 1 is from "student"',
    ],
    ['no user', { messages: [{ role: 'system', content: 'a' }] }, 'has no turn of the user'],
    [
      'a picture',
      { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      'has a part that is not text: {"type":"image_url"}',
    ],
    ['turns that Python printed', { messages: "[{'role': 'user'}]" }, 'must be valid JSON'],
    ['texts that may be a prompt and its response', ['a', 'b'], 'is ["a","b"]'],
  ])('%s', async (_, value, message) => {
    await expect(read('a.json', JSON.stringify([value]))).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringContaining(message),
    });
  });

  test.each<[string, string, string]>([
    ['a.json', '{"train":[{"prompt":"a"}],"test":[{"prompt":"b"}]}', '"train" and "test" may each be the prompts'],
    ...['test', 'Validation', 'dev'].map((name): [string, string, string] => [
      'a.json',
      `{"${name}":[{"prompt":"a"}]}`,
      `its only list is "${name}", which is held out for evaluation; expected prompts in one of prompts, data,`,
    ]),
    ['a.json', '{"data":[{"prompt":"a"}],"val":[{"prompt":"b"}]}', '"data" and "val" may each be the prompts'],
    ['a.json', '{"prompt":"a","data":[{"prompt":"b"}]}', '"data" and "prompt" may each be the prompts'],
    ['a.json', '{"prompt":["a","b"],"response":["c"]}', '"prompt" has 2 values and "response" 1'],
    [
      'a.json',
      '{"prompt":{"0":"a","2":"b"},"response":{"0":"A","1":"B"}}',
      '"prompt" has a row "2" and "response" none; expected the same in each',
    ],
    ['a.json', '{"prompt":["a","b"],"response":{"1":"A","2":"B"}}', '"prompt" has a row "0" and "response" none'],
    [
      'a.json',
      '{"prompt":["a","b"],"Response":"x"}',
      '"prompt" is a column of 2 values, and "Response" is "x"; expected a column too',
    ],
    ['a.json', '{"prompt":["a","b"],"answer":[]}', 'and "answer" is []; expected a column too'],
    ['a.json', '{"prompt":["a","b"],"context":"x"}', 'and "context" is "x"; expected a column too'],
    ['a.json', '{"prompts":["a"],"responses":["b"]}', 'it has the lists "prompts" and "responses"'],
    ['a.jsonl', '["a","b"]\n["c","d"]', 'If it is a list of prompts, give each a line'],
    ['a.jsonl', '\n["a","b"]\n', 'line 2, the only one, is a list of two texts'],
    ['a.csv', 'id,question,A,B,C,D,answer\n1,q,w,x,y,z,A\n', 'Join them: --prompt-field question,A,B,C,D, or'],
    ['a.csv', 'answer\na\nb\n', 'its first row, "answer", may be the name of its only column, or a prompt'],
    ['a.csv', 'Questions\na\nb\n', 'write "prompt" above it'],
    ['a.csv', 'Frage;Antwort\na;b\nc;d\n', 'each of its rows is one prompt, or 2 columns separated by ";"'],
    ['a.csv', 'prompt,id,prompt\na,1,b\n', 'two of its columns are called "prompt"'],
    ['a.csv', 'prompt\none\ufefftwo\n', 'line 2 has a byte order mark (U+FEFF) within it'],
    ['a.txt', 'zero\none\ufefftwo\n', 'line 2 has a byte order mark (U+FEFF) within it'],
    ['a.txt', '{"prompt":"a"}\n{"prompt":"b"}', 'it is JSON Lines; expected one prompt per line. Rename it to .jsonl'],
    ['a.txt', '[\n"a",\n"b"\n]', 'it is a JSON array; expected one prompt per line. Rename it to .json'],
  ])('%s with %j', async (name, content, message) => {
    await expect(read(name, content)).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringContaining(message),
    });
  });

  test('but who only wants prompts does not mind the responses', async () => {
    await writeFile(join(folder(), 'a.json'), '[{"prompt":"a","response":"b","answer":"c"}]');
    expect(await readPromptSet(join(folder(), 'a.json'))).toEqual(['a']);
  });
});

test.each<[string, unknown, string]>([
  ['that is empty', { prompt: 'q', context: '', choices: [], options: {} }, 'q'],
  [
    'that the prompt has in it',
    { prompt: 'c: which, x or y?', context: ' c ', choices: ['x', 'y'] },
    'c: which, x or y?',
  ],
  ["that is Dolly's", { instruction: 'i', context: 'c' }, 'i\nc'],
])('a passage %s is no reason to refuse', async (_, value, prompt) => {
  expect(await read('a.json', JSON.stringify([value]))).toEqual([{ prompt, response: '' }]);
});

describe('promptField, responseField and system', () => {
  test.each<[string, string, PromptFields, PromptItem]>([
    [
      'a.json',
      '[{"prompt":"a","question":"b","answer":"c"}]',
      { promptField: 'question' },
      { prompt: 'b', response: 'c' },
    ],
    [
      'a.json',
      '[{"context":"a","question":"b"}]',
      { promptField: 'context,question' },
      { prompt: 'a\nb', response: '' },
    ],
    ['a.json', '[{"q":"a","choices":["b","c"]}]', { promptField: 'q, choices' }, { prompt: 'a\nb\nc', response: '' }],
    ['a.json', '[{"a,b":"c","a":"d"}]', { promptField: 'a,b' }, { prompt: 'c', response: '' }],
    ['a.json', '[{"prompt":"a","response":"b","gold":"c"}]', { responseField: 'gold' }, { prompt: 'a', response: 'c' }],
    [
      'a.jsonl',
      '{"chosen":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}',
      { promptField: 'chosen' },
      { prompt: 'a', response: 'b' },
    ],
    [
      'a.jsonl',
      '{"text":"[INST] a [/INST] b"}',
      { promptField: 'text' },
      { prompt: '[INST] a [/INST] b', response: '' },
    ],
    [
      'a.csv',
      'Frage;Antwort\na;b\n',
      { promptField: 'frage', responseField: 'Antwort' },
      { prompt: 'a', response: 'b' },
    ],
    [
      'a.json',
      '{"frage":["a"],"antwort":["b"]}',
      { promptField: 'frage', responseField: 'antwort' },
      { prompt: 'a', response: 'b' },
    ],
    ['a.json', '[{"prompt":"a","system":"x"}]', { system: 'Be brief.' }, { prompt: 'Be brief.\na', response: '' }],
    ['a.txt', 'a', { system: 'Be brief.' }, { prompt: 'Be brief.\na', response: '' }],
  ])('%s with %j and %j', async (name, content, fields, expected) => {
    expect(await read(name, content, fields)).toEqual([expected]);
  });

  test.each<[string, string, PromptFields, string]>([
    [
      'a.json',
      '[{"question":"a"}]',
      { promptField: 'qestion' },
      'has no field "qestion", which promptField (--prompt-field) names. It has ["question"]; did you mean "question"?',
    ],
    [
      'a.json',
      '[{"prompt":"a"}]',
      { responseField: 'gold' },
      'has no field "gold", which responseField (--response-field) names',
    ],
    [
      'a.csv',
      'prompt,answer\na,b\n',
      { promptField: 'frage' },
      'none of its columns ["prompt","answer"] is named "frage"',
    ],
    [
      'a.json',
      '{"prompt":["a","b"],"gold":"x"}',
      { responseField: 'gold' },
      'and "gold" is "x"; expected a column too',
    ],
    ['a.json', '[{"q":7}]', { promptField: 'q' }, 'the field "q" of item 1 of 1 is 7; expected a string'],
    ['a.json', '[{"q":""}]', { promptField: 'q' }, 'the prompt of item 1 of 1 is empty'],
  ])('%s with %j and %j is refused', async (name, content, fields, message) => {
    await expect(read(name, content, fields)).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringContaining(message),
    });
  });

  test.each([{ promptField: '' }, { responseField: 7 }, { system: 'a\0' }])('%j is not valid', async (fields) => {
    await expect(read('a.txt', 'a', fields as PromptFields)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('gzip', () => {
  test('is recognised by its bytes', async () => {
    expect(await read('a.jsonl', gzipSync('{"prompt":"a"}'))).toEqual([{ prompt: 'a', response: '' }]);
    expect(await read('A.CSV.GZ', Buffer.concat([gzipSync('prompt\na\n'), gzipSync('b\n')]))).toHaveLength(2);
  });

  test.each([
    ['that is not', 'a.jsonl.gz', Buffer.from('{"prompt":"a"}'), 'is not gzip, although it is called so'],
    ['that was cut off', 'a.jsonl.gz', gzipSync('{"prompt":"a"}').subarray(0, 25), 'is damaged gzip'],
    [
      'with a changed byte',
      'a.txt',
      gzipSync('a'.repeat(99)).map((byte, at) => (at === 12 ? byte ^ 0xff : byte)),
      'is damaged gzip',
    ],
  ])('%s is refused', async (_, name, bytes, message) => {
    await expect(read(name, bytes)).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringContaining(message),
    });
  });

  test('is decompressed up to the limit of plain files only', async () => {
    const bomb = gzipSync(Buffer.alloc(2 ** 20));
    const bytes = Buffer.concat(Array.from({ length: 300 }, () => bomb));
    await expect(read('a.txt.gz', bytes)).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringContaining('larger than 256 MiB'),
    });
  });
});
