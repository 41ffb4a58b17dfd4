import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type PromptFields, type PromptItem, readPromptItems } from '../../src/prompts/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();

async function read(value: unknown, fields?: PromptFields): Promise<PromptItem[]> {
  await writeFile(join(folder(), 'a.json'), JSON.stringify(value));
  return readPromptItems(join(folder(), 'a.json'), fields);
}

describe('the author of a turn is never guessed', () => {
  test.each(['speaker', 'sender', 'author', 'name'])('a turn with it as "%s" is refused, with the key', async (key) => {
    const turns = [
      { [key]: 'system', value: 'You are a bot.' },
      { [key]: 'user', value: 'What is silt?' },
    ];
    for (const field of ['conversations', 'messages'])
      await expect(read([{ [field]: turns }])).rejects.toMatchObject({
        code: 'INVALID_PROMPTS',
        message: expect.stringContaining(
          `turn 1 of the conversation of item 1 of 1 does not say from whom it is: {"${key}":"system","value":"You are a bot."}; expected the author as "from" or "role", got "${key}". Rename`,
        ),
      });
  });

  test.each([
    ['Role', 'Content'],
    ['ROLE', 'content'],
    ['From', 'Value'],
  ])('keys in other case are those of a turn: %s and %s', async (author, content) => {
    const turns = ['system', 'user', 'assistant'].map((role) => ({ [author]: role, [content]: `of the ${role}` }));
    const expected = [{ prompt: 'of the user', response: 'of the assistant' }];
    expect(await read([{ messages: turns }])).toEqual(expected);
    expect(await read(turns)).toEqual(expected);
  });

  test('turns with content alone alternate; null counts as absent', async () => {
    const turns = [{ value: 'q' }, { value: 'a', from: null, weight: null }];
    expect(await read([{ conversations: turns }])).toEqual([{ prompt: 'q', response: 'a' }]);
  });

  test('two authors that differ are refused', async () => {
    await expect(read([{ messages: [{ from: 'human', role: 'assistant', content: 'a' }] }])).rejects.toMatchObject({
      message: expect.stringContaining('is from "human" and "assistant"'),
    });
  });
});

test.each([
  [
    'the user',
    'prompt',
    [
      { role: 'user', text: 'q' },
      { role: 'assistant', text: 'a' },
    ],
    'turn 1',
  ],
  [
    'the user, in a list without a name',
    undefined,
    [
      { role: 'user', text: 'q' },
      { role: 'assistant', text: 'a' },
    ],
    'turn 1',
  ],
  [
    'the assistant',
    'messages',
    [
      { role: 'user', content: 'q' },
      { role: 'assistant', text: 'a' },
    ],
    'turn 2',
  ],
])('a turn of %s with its text under another key is refused', async (_, field, turns, turn) => {
  await expect(read(field === undefined ? turns : [{ [field]: turns }])).rejects.toMatchObject({
    code: 'INVALID_PROMPTS',
    message: expect.stringMatching(`${turn} of the conversation .* has no text: .* expected it as "value", "content"`),
  });
});

describe('items that say where they are from are no turns', () => {
  test.each(['from', 'role'])('with "%s"', async (key) => {
    const values = [
      { prompt: 'a?', [key]: 'user' },
      { prompt: 'b?', [key]: 'web' },
    ];
    const expected = [
      { prompt: 'a?', response: '' },
      { prompt: 'b?', response: '' },
    ];
    expect(await read(values)).toEqual(expected);
    expect(await read({ data: values })).toEqual(expected);
  });

  test('and with content beside it, the field that is named decides', async () => {
    const values = [{ prompt: 'a?', from: 'wiki', content: 'c' }];
    await expect(read(values)).rejects.toMatchObject({ message: expect.stringContaining('is from "wiki"') });
    expect(await read(values, { promptField: 'prompt' })).toEqual([{ prompt: 'a?', response: '' }]);
    await writeFile(join(folder(), 'a.jsonl'), `${JSON.stringify(values)}\n`.repeat(2));
    expect(await readPromptItems(join(folder(), 'a.jsonl'), { promptField: 'prompt' })).toHaveLength(2);
  });
});
