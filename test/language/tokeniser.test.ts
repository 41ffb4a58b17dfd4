import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChatTemplate } from '../../src/language/chat-template.js';
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
