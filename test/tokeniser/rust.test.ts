import { LibraryTokeniser } from '../../src/tokeniser/index.js';

/** Ids as tokenizers 0.23 (Rust) gives them; test/interop/tokenisers.py compares many more. */
const BERT = {
  type: 'BertNormalizer',
  clean_text: true,
  handle_chinese_chars: true,
  strip_accents: null,
  lowercase: true,
};

function tokeniser(parts: object): LibraryTokeniser {
  const nothing = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [] };
  return new LibraryTokeniser(
    { tokenizer: { ...nothing, ...parts }, config: {}, folder: '/model' },
    'UNSUPPORTED_BASE',
  );
}

function wordPiece(words: string[], parts: object = {}): LibraryTokeniser {
  const vocab = Object.fromEntries(words.map((word, id) => [word, id]));
  const model = { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', vocab };
  return tokeniser({ normalizer: BERT, pre_tokenizer: { type: 'BertPreTokenizer' }, model, ...parts });
}

function unigram(vocab: [string, number][], parts: object = {}, metaspace: object = {}, byteFallback = false) {
  const model = { type: 'Unigram', unk_id: 0, byte_fallback: byteFallback, vocab };
  const preTokenizer = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true, ...metaspace };
  return tokeniser({ pre_tokenizer: preTokenizer, model, ...parts });
}

describe('added tokens', () => {
  const added = [
    { id: 12, content: 'dog', single_word: true, normalized: false },
    { id: 13, content: '<l>', lstrip: true, normalized: false },
    { id: 14, content: '<r>', rstrip: true, normalized: false },
    { id: 15, content: 'BIG', normalized: true },
  ];
  const words = ['[UNK]', 'hot', '##dog', '##s', 'd', '##og', '_', '(', ')', 'a', 'b', '##b'];
  const made = wordPiece(words, { added_tokens: added });

  test.each([
    ['a word by itself', 'dog', [12]],
    ['the beginning of a word', 'dogs', [4, 5, 3]],
    ['the end of a word', 'hotdog', [1, 2]],
    ['beside an underscore', 'dog_', [4, 5, 6]],
    ['in brackets', '(dog)', [7, 12, 8]],
    ['some of several', 'dog dogs dog', [12, 4, 5, 3, 12]],
    ['behind a letter beyond U+FFFF', '\u{1d41d}dog', [0]],
    ['before a joiner', 'dog\u200d', [4, 5]],
    ['with space to its left, as Rust defines it', 'a \u0085<l>', [9, 13]],
    ['without U+FEFF', 'a\ufeff<l>b', [9, 13, 10]],
    ['with space to its right', '<r>\u0085 a', [14, 9]],
    ['in the normalised text', 'big', [15]],
    ['in the normalised text, within a word', 'xBIGx', [0, 15, 0]],
  ])('are found as in Rust: %s', (_, text, ids) => expect(made.encode(text)).toEqual(ids));

  test('of the model have its ids', () => {
    const own = wordPiece(['[UNK]', 'a', 'b'], { added_tokens: [{ id: 7, content: 'b', normalized: false }] });
    expect([own.encode('ab'), own.idOf('b')]).toEqual([[1, 2], 2]);
  });
});

describe('characters of newer versions of Unicode', () => {
  const made = wordPiece(['[UNK]', 'ab', 'a', 'b', '!']);

  test.each([
    ['an old mark', 'a\u0301b', [1]],
    ['a newer mark', 'a\u1ac1b', [0]],
    ['newer punctuation', 'a\u2e4eb', [0]],
    ['former punctuation', 'a\u166db', [2, 0, 3]],
    ['a newer format character', 'a\u0890b', [0]],
    ['a former nonspacing mark', 'a\u1734b', [1]],
  ])('count as in Rust: %s', (_, text, ids) => expect(made.encode(text)).toEqual(ids));

  test('are not reordered by normalisation', () => {
    // U+1AC1 has the combining class 230 since Unicode 14, U+0323 has 220.
    const vocab: [string, number][] = [
      ['?', 0],
      ['a', -1],
      ['\u1ac1', -1],
      ['\u0323', -1],
    ];
    const nfc = unigram(vocab, { normalizer: { type: 'NFC' } }, { prepend_scheme: 'never' });
    expect(nfc.encode('a\u1ac1\u0323')).toEqual([1, 2, 3]);
  });
});

describe('a Unigram model', () => {
  const space: [string, number][] = [
    ['<unk>', 0],
    ['▁', -2],
    ['a', -1],
    ['▁a', -1],
  ];

  test('takes the first of equally likely ways', () => {
    const made = unigram([
      ['<unk>', 0],
      ['▁', -2],
      ['a', -1.5],
      ['b', -1.5],
      ['ab', -3],
      ['x', -5.5],
    ]);
    expect(made.encode('ab x')).toEqual([1, 4, 1, 5]);
  });

  test('reads scores as Rust reads them', () => {
    const vocab: [string, number][] = [
      ['<unk>', 0],
      ['a', -1.745895385742187],
      ['b', -2],
      ['ab', -3.7458953857421875],
    ];
    expect(unigram(vocab, {}, { prepend_scheme: 'never' }).encode('ab')).toEqual([3]);
  });

  test('joins unknown characters within a word only', () => {
    const made = unigram(
      [
        ['<unk>', 0],
        ['a', -1],
      ],
      {},
      { prepend_scheme: 'never' },
    );
    expect(made.encode('éaéé é')).toEqual([0, 1, 0, 0]);
  });

  test('falls back to the bytes of unknown characters where it has all of them', () => {
    const vocab: [string, number][] = [...space.slice(0, 3), ['<0xC3>', -9], ['<0xA9>', -9]];
    const made = unigram(vocab, {}, {}, true);
    expect([made.encode('aéé'), made.encode('aè')]).toEqual([
      [1, 2, 3, 4, 3, 4],
      [1, 2, 0],
    ]);
  });

  test('has a space before the first text alone where Metaspace says so', () => {
    const added = [
      { id: 4, content: '<m>', normalized: false },
      { id: 5, content: 'N', normalized: true },
    ];
    const made = unigram(space, { added_tokens: added }, { prepend_scheme: 'first' });
    expect(['a a', '<m>a', 'Na', 'a<m>a', ' a'].map((text) => made.encode(text))).toEqual([
      [3, 3],
      [4, 2],
      [5, 2],
      [3, 4, 2],
      [3],
    ]);
  });

  test('refuses what depends on the place in the text behind another pre-tokenizer', () => {
    const metaspace = { type: 'Metaspace', prepend_scheme: 'first' };
    const both = { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace] };
    expect(() => unigram(space, { pre_tokenizer: both })).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_BASE', message: expect.stringMatching(/Metaspace.*"first"/) }),
    );
  });

  test('loses white space at the end as Rust defines it', () => {
    const made = unigram(space, { normalizer: { type: 'Strip', strip_left: false, strip_right: true } });
    expect([made.encode('a \u0085'), made.encode('a\ufeff')]).toEqual([[3], [3, 0]]);
  });

  test.each([
    ['a vocabulary that is an object', { vocab: {} }],
    ['a score that is none', { vocab: [['a', 'b']] }],
    ['an unknown token that is not in it', { unk_id: 4 }],
  ])('with %s is refused', (_, change) => {
    const model = { type: 'Unigram', unk_id: 0, vocab: space, ...change };
    expect(() => tokeniser({ model })).toThrow(
      expect.objectContaining({ code: 'CORRUPT_FILE', message: expect.stringMatching(/tokenizer\.json.*Unigram/) }),
    );
  });
});
