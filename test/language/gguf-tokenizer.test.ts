import type { GgufValue } from '../../src/formats/gguf/index.js';
import { listedMerges, mergesOfScores } from '../../src/language/gguf/merges.js';
import { tokenizerFromGguf } from '../../src/language/gguf/tokenizer.js';
import { LanguageTokeniser } from '../../src/language/index.js';
import { ggufValue, type Values } from './gguf-base.js';

const NORMAL = 1;

async function tokeniserOf(values: Record<string, Values>): Promise<LanguageTokeniser> {
  const metadata = new Map<string, GgufValue>(
    Object.entries(values).map(([key, value]) => [`tokenizer.ggml.${key}`, ggufValue(value)]),
  );
  const { tokenizer, tokenizerConfig } = await tokenizerFromGguf({ path: 'm.gguf', metadata, tensors: new Map() });
  return new LanguageTokeniser({ tokenizer, config: tokenizerConfig, folder: 'm.gguf' }, 1000);
}

/** Every word that can be made of these characters by joining them from the left is one token. */
function wordsOf(words: readonly string[]): Record<string, Values> {
  const tokens = new Set(words.flatMap((word) => Array.from(word)));
  const merges: string[] = [];
  for (const word of words)
    for (let end = 2; end <= word.length; end++) {
      if (tokens.has(word.slice(0, end))) continue;
      merges.push(`${word.slice(0, end - 1)} ${word[end - 1]}`);
      tokens.add(word.slice(0, end));
    }
  return {
    model: 'gpt2',
    tokens: [...tokens],
    token_type: new Int32Array(tokens.size).fill(NORMAL),
    merges,
  };
}

describe('the pre-tokenizer cuts a text as the model was trained with it', () => {
  const values = wordsOf(['12345', "'s", 'It', 'aB', 'Ġx', 'Ċ', '!Ċ']);
  test.each([
    ['gpt-2', ['12345', "'s", 'It', 'aB', 'Ġx', '!', 'Ċ']],
    ['smollm', ['1', '2', '3', '4', '5', "'s", 'It', 'aB', 'Ġx', '!', 'Ċ']],
    ['starcoder', ['1', '2', '3', '4', '5', "'s", 'It', 'aB', 'Ġx', '!', 'Ċ']],
    ['refact', ['1', '2', '3', '4', '5', "'s", 'It', 'aB', 'Ġx', '!', 'Ċ']],
    ['llama-bpe', ['123', '4', '5', "'s", 'It', 'aB', 'Ġx', '!Ċ']],
    ['llama3', ['123', '4', '5', "'s", 'It', 'aB', 'Ġx', '!Ċ']],
    ['llama-v3', ['123', '4', '5', "'s", 'It', 'aB', 'Ġx', '!Ċ']],
    ['qwen2', ['1', '2', '3', '4', '5', "'s", 'It', 'aB', 'Ġx', '!Ċ']],
    ['deepseek-r1-qwen', ['1', '2', '3', '4', '5', "'s", 'It', 'aB', 'Ġx', '!Ċ']],
    ['tekken', ['1', '2', '3', '4', '5', "'s", 'It', 'a', 'B', 'Ġx', '!Ċ']],
  ])('%s', async (pre, expected) => {
    const tokeniser = await tokeniserOf({ ...values, pre });
    const ids = ["12345's", 'It', 'aB x!\n'].flatMap((text) => tokeniser.encode(text));
    expect(ids.map((id) => (values.tokens as string[])[id])).toEqual(expected);
  });

  test('a word that is a token is one where the vocabulary goes before the merges', async () => {
    const whole = { ...values, merges: ['1 2'] };
    expect((await tokeniserOf({ ...whole, pre: 'llama-bpe' })).encode('123')).toHaveLength(1);
    expect((await tokeniserOf({ ...whole, pre: 'gpt-2' })).encode('123')).toHaveLength(2);
  });

  test('texts are composed first where the model was trained on composed ones', async () => {
    const composed = { ...wordsOf(['Ã©', 'e', 'Ìģ']), pre: 'qwen2' };
    expect((await tokeniserOf(composed)).encode('e\u0301')).toHaveLength(1);
    expect((await tokeniserOf({ ...composed, pre: 'llama-bpe' })).encode('e\u0301')).toHaveLength(2);
  });

  test.each([
    ['llama-bpe', {}, true],
    ['llama-bpe', { add_bos_token: false }, false],
    ['qwen2', {}, false],
    ['qwen2', { add_bos_token: true }, true],
  ])('%s %j: a text starts with the beginning token, or not', async (pre, more, starts) => {
    const tokeniser = await tokeniserOf({ ...values, pre, bos_token_id: 2, ...more });
    expect(tokeniser.prefix).toEqual(starts ? [2] : []);
  });
});

describe('merges', () => {
  const vocabulary = (tokens: string[], types = tokens.map(() => NORMAL)) => ({
    path: 'm.gguf',
    tokens,
    types,
    special: new Map(),
  });

  test('of scores: the best token first, and of its parts the longest left one', async () => {
    const tokens = ['a', 'b', 'c', 'ab', 'bc', 'abc', 'xyz'];
    expect(await mergesOfScores(vocabulary(tokens), [0, 0, 0, -2, -1, -3, -4])).toEqual([
      ['b', 'c'],
      ['a', 'b'],
      ['ab', 'c'],
      ['a', 'bc'],
    ]);
  });

  test('of scores leave special tokens and bytes alone', async () => {
    const tokens = ['a', 'b', 'ab', 'ba'];
    expect(await mergesOfScores(vocabulary(tokens, [1, 1, 3, 1]), [0, 0, 0, -1])).toEqual([['b', 'a']]);
  });

  test('of scores do not cut a character in two', async () => {
    const tokens = ['\ud83d', '\ude00', '😀', '😀😀'];
    expect(await mergesOfScores(vocabulary(tokens), [0, 0, -1, -2])).toEqual([['😀', '😀']]);
  });

  test('of a token that is too long to be one are refused', async () => {
    await expect(mergesOfScores(vocabulary(['a'.repeat(300)]), [0])).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringContaining('has 300 characters'),
    });
  });

  test('that are listed may have a space as a part, and are left out where a part is no token', () => {
    const tokens = ['a', ' ', ' a', 'a ', 'b'];
    expect(listedMerges(vocabulary(tokens), ['  a', 'a  ', 'a b', 'a q'])).toEqual([
      [' ', 'a'],
      ['a', ' '],
    ]);
  });
});

test('SentencePiece starts a text, and what follows a special token, with a space unless the file says otherwise', async () => {
  const tokens = ['<unk>', '<s>', '▁', 'a', '▁a', '<0x0A>'];
  const types = Int32Array.of(2, 3, 1, 1, 1, 6);
  const scores = Float32Array.of(0, 0, -3, -2, -1, 0);
  const values = { model: 'llama', tokens, token_type: types, scores, bos_token_id: 1 };
  const plain = await tokeniserOf(values);
  expect(plain.prefix).toEqual([1]);
  expect(plain.encode('a a<s>a\n')).toEqual([4, 4, 1, 4, 5]);
  expect(plain.decode([4, 4, 5])).toBe('a a\n');
  const unspaced = await tokeniserOf({ ...values, add_space_prefix: false });
  expect(unspaced.encode('a a<s>a')).toEqual([3, 4, 1, 3]);
  expect(unspaced.decode([4, 3])).toBe(' aa');
  expect((await tokeniserOf({ ...values, add_bos_token: false })).prefix).toEqual([]);
});
