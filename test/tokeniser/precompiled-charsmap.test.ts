import { LibraryTokeniser } from '../../src/tokeniser/index.js';
import { PrecompiledCharsmap } from '../../src/tokeniser/precompiled-charsmap.js';

/** Offsets that no two nodes of the small tries here share. */
const ROOT = 0x100;
const LEAF = 0x400;
const DEEPER = 0x800;
const unitOf = (byte: number, offset: number, leaf: boolean) => (byte | (leaf ? 0x100 : 0) | (offset << 10)) >>> 0;

/** A character map as SentencePiece stores it: replacements of texts of one or two bytes. */
function charsmap(replacements: Record<string, string>): string {
  const trie = new Uint32Array(0x1000);
  trie[0] = unitOf(0, ROOT, false);
  let texts = '';
  for (const [from, to] of Object.entries(replacements)) {
    const bytes = Buffer.from(from);
    let node = 0;
    let offset = ROOT;
    for (const [place, byte] of bytes.entries()) {
      const last = place === bytes.length - 1;
      node = (node ^ offset ^ byte) & 0xfff;
      offset = last ? LEAF : DEEPER;
      trie[node] = unitOf(byte, offset, last);
    }
    trie[node ^ LEAF] = (0x80000000 | Buffer.byteLength(texts)) >>> 0;
    texts += `${to}\0`;
  }
  const size = Buffer.alloc(4);
  size.writeUInt32LE(trie.byteLength);
  return Buffer.concat([size, Buffer.from(trie.buffer), Buffer.from(texts)]).toString('base64');
}

const SMALL = charsmap({ A: 'a', '\x01': '', é: 'e!', '\u0341': '\u0301' });
const normalise = (text: string) => new PrecompiledCharsmap(SMALL, 'tokenizer.json').normalise(text);

test.each([
  ['a character', 'bAb', 'bab'],
  ['one that becomes nothing', 'b\x01b', 'bb'],
  ['one of two bytes', 'café', 'cafe!'],
  ['nothing else, not even what NFKC would change', 'ｂ½', 'ｂ½'],
  ['a cluster of up to five bytes by its beginning, as in Rust', 'A\u0301b', 'ab'],
  ['a longer cluster character by character', 'A\u0341\u0341\u0341b', 'a\u0301\u0301\u0301b'],
  ['nothing in an empty text', '', ''],
])('replaces %s', (_, text, expected) => {
  expect(normalise(text)).toBe(expected);
});

test.each([
  ['nothing', ''],
  ['less than a size', 'AAA='],
  ['a size beyond its bytes', Buffer.from([255, 255, 0, 0, 0, 0, 0, 0]).toString('base64')],
  ['a size that is no number of units', Buffer.from([5, 0, 0, 0, 0, 0, 0, 0, 0]).toString('base64')],
])('a character map with %s is refused', (_, base64) => {
  expect(() => new PrecompiledCharsmap(base64, 'tokenizer.json')).toThrow(
    expect.objectContaining({ code: 'CORRUPT_FILE', message: expect.stringContaining('tokenizer.json') }),
  );
});

test('a replacement of more bytes than any real one is refused, before it is put together', () => {
  const longest = new PrecompiledCharsmap(charsmap({ é: 'x'.repeat(256) }), 'x');
  expect(longest.normalise('é')).toHaveLength(256);
  const longer = new PrecompiledCharsmap(charsmap({ é: 'x'.repeat(257) }), '/model/tokenizer.json');
  expect(() => longer.normalise('é'.repeat(2 ** 12))).toThrow(
    expect.objectContaining({
      code: 'CORRUPT_FILE',
      message:
        '/model/tokenizer.json: precompiled_charsmap has a replacement of more than 256 bytes, at 0 of its texts',
    }),
  );
  const ofAscii = charsmap({ a: 'x'.repeat(2 ** 20) });
  expect(() => new PrecompiledCharsmap(ofAscii, 'x')).toThrow(expect.objectContaining({ code: 'CORRUPT_FILE' }));
});

test('its size is that of the bytes, not of their letters', () => {
  const longer = Buffer.alloc(2 ** 26 + 1).toString('base64');
  expect(() => new PrecompiledCharsmap(longer, 'x')).toThrow('has 67108865 bytes; expected at most 67108864');
});

test('a trie that points out of itself ends a match', () => {
  const bytes = Buffer.alloc(12, 0xff);
  bytes.writeUInt32LE(8);
  expect(new PrecompiledCharsmap(bytes.toString('base64'), 'x').normalise('aé')).toBe('aé');
});

test('what is wrong with it is said by the tokeniser that uses it', () => {
  const normalizer = { type: 'Precompiled', precompiled_charsmap: charsmap({ é: 'x'.repeat(300) }) };
  const model = { type: 'Unigram', unk_id: 0, vocab: [['<unk>', -1]] };
  const tokenizer = { added_tokens: [], normalizer, pre_tokenizer: null, post_processor: null, decoder: null, model };
  const tokeniser = new LibraryTokeniser({ tokenizer, config: {}, folder: '/model' }, 'UNSUPPORTED_ENCODER');
  expect(() => tokeniser.encode('é')).toThrow(
    expect.objectContaining({
      code: 'CORRUPT_FILE',
      message: expect.stringMatching(/^\/model\/tokenizer\.json: precompiled_charsmap has a replacement/),
    }),
  );
});

test('tokenisers use it, alone and in a sequence, and split at white space as Rust does', () => {
  const precompiled = { type: 'Precompiled', precompiled_charsmap: SMALL };
  for (const normalizer of [precompiled, { type: 'Sequence', normalizers: [precompiled] }]) {
    const vocab = ['<unk>', 'a', 'b', '\ufeff'].map((piece) => [piece, -1]);
    const tokenizer = {
      added_tokens: [],
      normalizer,
      pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }] },
      post_processor: null,
      decoder: null,
      model: { type: 'Unigram', unk_id: 0, vocab },
    };
    const tokeniser = new LibraryTokeniser({ tokenizer, config: {}, folder: '/model' }, 'UNSUPPORTED_ENCODER');
    expect(tokeniser.encode('A\x01b\x85a \ufeffb')).toEqual([1, 2, 1, 3, 2]);
  }
});
