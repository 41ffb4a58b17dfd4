import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChatTemplate, findChatTemplate } from '../../src/language/chat-template.js';
import { LanguageTokeniser } from '../../src/language/tokeniser.js';

const FIXTURES = join(__dirname, '..', 'fixtures', 'language');
const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'));

interface Expected {
  texts: { text: string; ids: number[]; prefixed: number[]; decoded: string }[];
  chat: string;
  chatIds: number[];
}

function load(name: string, changes: { config?: object; vocabSize?: number } = {}) {
  const folder = join(FIXTURES, name);
  const config = { ...json(folder, 'tokenizer_config.json'), ...changes.config };
  const files = { tokenizer: json(folder, 'tokenizer.json'), config, folder };
  const tokeniser = new LanguageTokeniser(files, changes.vocabSize ?? 512);
  return { tokeniser, config, expected: json(folder, 'expected.json') as Expected };
}

describe.each(['byte-level', 'byte-fallback'])('a %s tokenizer gives what transformers gives', (name) => {
  const { tokeniser, config, expected } = load(name);

  test.each(expected.texts)('for $text', ({ text, ids, prefixed, decoded }) => {
    expect(tokeniser.encode(text)).toEqual(ids);
    expect(tokeniser.encode(text, { prefix: true })).toEqual(prefixed);
    expect(tokeniser.decode(prefixed)).toBe(decoded);
  });

  test('for a conversation', () => {
    const template = new ChatTemplate(config.chat_template, tokeniser.specialTokens, name);
    const text = template.render([{ role: 'user', content: expected.texts[0]!.text }]);
    expect(text).toBe(expected.chat);
    expect(tokeniser.encode(text)).toEqual(expected.chatIds);
  });
});

test('tokenizer.json alone decides whether raw text starts with the beginning token, as in transformers', () => {
  const { tokeniser } = load('byte-fallback', { config: { add_bos_token: false } });
  expect(tokeniser.prefix).toEqual([tokeniser.idOf('<s>')]);
  const added = load('byte-level', { config: { add_bos_token: true, bos_token: '<|endoftext|>' } }).tokeniser;
  expect(added.prefix).toEqual([]);
});

test('a vocabulary larger than the model belongs to another model', () => {
  expect(() => load('byte-fallback', { vocabSize: 300 })).toThrow(
    /tokenizer\.json has ids up to 3\d\d, but config\.json has a vocab_size of 300\. The tokenizer belongs to another model/,
  );
});

test('an added token beyond the vocabulary is an error only where it is used', () => {
  const end = load('byte-level').tokeniser.idOf('<|im_end|>')!;
  const { tokeniser } = load('byte-level', { vocabSize: end });
  expect(tokeniser.encode('hello')).not.toHaveLength(0);
  expect(() => tokeniser.encode('hello<|im_end|>')).toThrow(
    `the id ${end}, but config.json has a vocab_size of ${end}`,
  );
});

test('ids without a token are dropped when decoding', () => {
  const { tokeniser } = load('byte-level');
  expect(tokeniser.decode([...tokeniser.encode('a dog'), 500])).toBe('a dog');
  expect(tokeniser.decode([])).toBe('');
});

describe('chat templates', () => {
  const tokens = { bos_token: '<s>', eos_token: '</s>' };

  test('that refuse a system prompt say so', () => {
    const { config, tokeniser } = load('byte-fallback');
    const template = new ChatTemplate(config.chat_template, tokeniser.specialTokens, 'models/llama');
    const messages = [
      { role: 'system' as const, content: 'be brief' },
      { role: 'user' as const, content: 'hi' },
    ];
    expect(() => template.render(messages)).toThrow(
      'models/llama: its chat template cannot render these turns (system, user): there is no system role',
    );
  });

  test('that write the date write the same one every day', () => {
    const source = "{%- if not date_string is defined %}{{ raise_exception('today') }}{%- endif %}{{ date_string }}";
    expect(new ChatTemplate(source, tokens, 'm').render([{ role: 'user', content: 'hi' }])).toBe('26 Jul 2024');
  });

  test('that are no templates are refused', () => {
    expect(() => new ChatTemplate('{% if %}', tokens, 'models/x')).toThrow(
      /^models\/x: its chat template cannot be parsed/,
    );
  });

  test('are found in their own file, in tokenizer_config.json, or in a list there', () => {
    const config = {
      chat_template: [
        { name: 'tools', template: 'T' },
        { name: 'default', template: 'D' },
      ],
    };
    expect(findChatTemplate('F', config, 'm')).toBe('F');
    expect(findChatTemplate(undefined, config, 'm')).toBe('D');
    expect(findChatTemplate(undefined, { chat_template: 'C' }, 'm')).toBe('C');
    expect(findChatTemplate(undefined, {}, 'm')).toBeUndefined();
    expect(() => findChatTemplate(undefined, { chat_template: [] }, 'm')).toThrow(
      'm/tokenizer_config.json: chat_template',
    );
  });
});
