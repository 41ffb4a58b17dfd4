import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PromptItem, readPromptItems } from '../../src/prompts/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();

async function read(value: unknown): Promise<PromptItem[]> {
  await writeFile(join(folder(), 'a.json'), JSON.stringify([value]));
  return readPromptItems(join(folder(), 'a.json'));
}

const messages = [
  { role: 'user', content: ' Hi ' },
  { role: 'assistant', content: 'Hello.' },
];
const alpaca = '### Instruction:\nAdd.\n\n### Input:\n1, 2\n\n### Response:\n';

describe('`text` that has the other fields in a template is their rendering', () => {
  test.each<[string, Record<string, unknown>, PromptItem]>([
    [
      "Alpaca's",
      { instruction: 'Add.', input: '1, 2', output: '3', text: `${alpaca}3` },
      { prompt: 'Add.\n1, 2', response: '3' },
    ],
    [
      "Alpaca's without a response",
      { instruction: 'Add.', input: '1, 2', output: '', text: alpaca },
      { prompt: 'Add.\n1, 2', response: '' },
    ],
    [
      "a conversation's, which is trimmed",
      { messages, text: '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello.<|im_end|>\n' },
      { prompt: ' Hi ', response: 'Hello.' },
    ],
    [
      "a conversation's that is a text of JSON",
      { messages: JSON.stringify(messages), text: '[INST] Hi [/INST] Hello.' },
      { prompt: ' Hi ', response: 'Hello.' },
    ],
    [
      'one of marks of ours',
      { prompt: 'Hi', response: 'Hello.', text: '>> Hi << Hello.' },
      { prompt: 'Hi', response: 'Hello.' },
    ],
  ])('%s', async (_, value, item) => {
    expect(await read(value)).toEqual([item]);
  });
});

describe('`text` that merely contains another field is not', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['a word of it', { query: 'cat', text: 'The cat sat on the mat.' }, '"query" and "text"'],
    [
      'its first word',
      { instruction: 'Summarise', text: 'Summarise is what they do. A long passage' },
      '"instruction" and "text"',
    ],
    ['the prompt without the response', { query: 'cat', answer: 'dog', text: 'The cat sat.' }, '"query" and "text"'],
    ['the response before the prompt', { query: 'cat', answer: 'The', text: 'The cat sat.' }, '"query" and "text"'],
    [
      'the instruction without its input',
      { instruction: 'Add.', input: '3, 4', output: '7', text: 'Add. 7' },
      '"instruction" with "input" and "text"',
    ],
    ['one of two prompts', { messages, prompt: 'Hello', text: 'Hello' }, '"messages" and "prompt"'],
  ])('%s', async (_, value, fields) => {
    await expect(read(value)).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringContaining(`is ambiguous: ${fields} each have a prompt, and they differ`),
    });
  });
});
