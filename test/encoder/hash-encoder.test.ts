import fc from 'fast-check';
import { HashEncoder } from '../../src/encoder/hash-encoder.js';
import { features, words } from '../../src/encoder/hash-features.js';
import { abortedAfterTicks } from './event-loop.js';
import { readGolden, relativeError } from './golden.js';

const plain = { padding: 'encode', pooling: 'none' } as const;
const wordsOf = (text: string) => [...words(text)].filter((word) => word !== '');
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

function rows(hiddenStates: Float32Array, channels: number): Float32Array[] {
  return Array.from({ length: hiddenStates.length / channels }, (_, row) =>
    hiddenStates.slice(row * channels, (row + 1) * channels),
  );
}

function norm(row: Float32Array): number {
  return Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
}

describe('the hash encoder', () => {
  test('gives the golden states', async () => {
    const golden = await readGolden('encoder_hash.safetensors');
    const prompts = JSON.parse(golden.settings.prompts!);
    const { channels } = JSON.parse(golden.settings.config!);
    const maxLength = Number(golden.settings.max_length);
    const result = await new HashEncoder(channels).encode(prompts, { maxLength, ...plain });
    const expected = golden.tensors.get('hidden_states')!;
    expect(result.shape).toEqual(expected.shape);
    expect(relativeError(result.hiddenStates, expected.data)).toBeLessThan(1e-6);
  });

  test('scales every word to norm √channels and leaves the rest zero, whatever the text and the channels', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.integer({ min: 33, max: 200 }),
        async (prompt, channels) => {
          const count = wordsOf(prompt).length;
          const { hiddenStates, tokens } = await new HashEncoder(channels).encode([prompt], {
            maxLength: 50,
            ...plain,
          });
          expect(tokens).toBe(count);
          const norms = rows(hiddenStates, channels).map((row) => norm(row) / Math.sqrt(channels));
          expect(norms.map((value) => Math.round(value * 1e5) / 1e5)).toEqual(
            Array.from({ length: 50 }, (_, position) => (position < count ? 1 : 0)),
          );
        },
      ),
    );
  });

  test('gives a word the same hidden state at every position', async () => {
    const encoder = new HashEncoder(100);
    const { hiddenStates } = await encoder.encode(['red green', 'green'], { maxLength: 2, ...plain });
    const [, second, third] = rows(hiddenStates, 100);
    expect(second).toEqual(third);
  });

  test('counts a narrower encoder as the first channels of a wider one', async () => {
    const wide = await new HashEncoder(130).encode(['word'], { maxLength: 1, ...plain });
    const narrow = await new HashEncoder(70).encode(['word'], { maxLength: 1, ...plain });
    const ratio = narrow.hiddenStates[0]! / wide.hiddenStates[0]!;
    for (let c = 0; c < 70; c++) expect(narrow.hiddenStates[c]! / ratio).toBeCloseTo(wide.hiddenStates[c]!, 5);
  });

  test('cuts at maxLength words and names the prompts it has cut', async () => {
    const prompts = ['one two three', 'one two', '', 'a b c d'];
    const result = await new HashEncoder(64).encode(prompts, { maxLength: 2, ...plain });
    expect(result.truncatedPrompts).toEqual([0, 3]);
    expect(result.tokens).toBe(6);
    expect(result.shape).toEqual([4, 2, 64]);
  });

  test('pools to the mean of the words, or to the first one', async () => {
    const encoder = new HashEncoder(96);
    const prompts = ['alpha beta gamma', '', 'beta'];
    const all = rows((await encoder.encode(prompts, { maxLength: 3, ...plain })).hiddenStates, 96);
    const mean = await encoder.encode(prompts, { maxLength: 3, padding: 'zero', pooling: 'mean' });
    const first = await encoder.encode(prompts, { maxLength: 3, padding: 'zero', pooling: 'cls' });
    expect(mean.shape).toEqual([3, 1, 96]);
    const [meanOfThree, meanOfNone, meanOfOne] = rows(mean.hiddenStates, 96);
    for (let c = 0; c < 96; c++) expect(meanOfThree![c]).toBeCloseTo((all[0]![c]! + all[1]![c]! + all[2]![c]!) / 3, 5);
    expect(norm(meanOfNone!)).toBe(0);
    expect(meanOfOne).toEqual(all[6]);
    expect(rows(first.hiddenStates, 96)).toEqual([all[0], new Float32Array(96), all[6]]);
  });

  test('leaves a word at zero whose vectors cancel out', async () => {
    // In one channel a word of two letters is the sum of eight signs, and some such sums are zero.
    const alphabet = [...'abcdefghijklmnopqrstuvwxyz'];
    const prompts = alphabet.flatMap((a) => alphabet.map((b) => a + b));
    const { hiddenStates } = await new HashEncoder(1).encode(prompts, { maxLength: 1, ...plain });
    expect(new Set(hiddenStates)).toEqual(new Set([-1, 0, 1]));
  });

  test('gives the same states when its cache of words has run over', async () => {
    // 65536 channels are 256 KiB for each word: 128 words fill the cache.
    const encoder = new HashEncoder(65_536);
    const prompt = Array.from({ length: 140 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('');
    await encoder.encode([prompt], { maxLength: 140, padding: 'zero', pooling: 'mean' });
    const again = await encoder.encode(['一'], { maxLength: 1, ...plain });
    const fresh = await new HashEncoder(65_536).encode(['一'], { maxLength: 1, ...plain });
    expect(again.hiddenStates).toEqual(fresh.hiddenStates);
  });

  test('takes half of a surrogate pair for U+FFFD', async () => {
    const { hiddenStates } = await new HashEncoder(64).encode(['\ud83d', '\ufffd'], { maxLength: 1, ...plain });
    const [half, replacement] = rows(hiddenStates, 64);
    expect(half).toEqual(replacement);
  });

  test.each([0, -1, 1.5, 65_537, Number.NaN])('refuses %p channels', (channels) => {
    expect(() => new HashEncoder(channels)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test('refuses no prompts, a prompt that is no string, and a length that is no length', async () => {
    const encoder = new HashEncoder(64);
    await expect(encoder.encode([], { maxLength: 4, ...plain })).rejects.toMatchObject({ code: 'INVALID_PROMPTS' });
    await expect(encoder.encode(['a', 7 as never], { maxLength: 4, ...plain })).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringContaining('prompt 2 is of type number'),
    });
    await expect(encoder.encode(['a'], { maxLength: 0, ...plain })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('reports hidden states larger than any memory as OUT_OF_MEMORY', async () => {
    const encode = new HashEncoder(65_536).encode(['a'], { maxLength: 2 ** 40, ...plain });
    await expect(encode).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
  });

  test('takes long words whole, and refuses one that it would not get done with', async () => {
    const long = 'a'.repeat(10_000);
    const wordsOfLong = wordsOf(`${long} ${long}b c${' '.repeat(10_000)}${'d'.repeat(4096)} ${'e'.repeat(4096)}`);
    expect(wordsOfLong).toEqual([long, `${long}b`, 'c', 'd'.repeat(4096), 'e'.repeat(4096)]);
    const refused = new HashEncoder(8).encode(['x'.repeat(2 ** 20 + 1)], { maxLength: 4, ...plain });
    const error = await refused.catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'INVALID_PROMPTS', message: expect.stringContaining('1048577 letters') });
    expect(error.message.length).toBeLessThan(500);
  });

  test('does not block the event loop, even within one endless word', async () => {
    const loop = abortedAfterTicks(Number.POSITIVE_INFINITY);
    await new HashEncoder(384).encode(['ab'.repeat(20_000)], { maxLength: 4, ...plain });
    expect(loop.turns()).toBeGreaterThan(10);
    loop.end();
  });

  test('stops with the reason of the signal', async () => {
    const { signal, reason } = abortedAfterTicks(2);
    const encode = new HashEncoder(384).encode(['ab'.repeat(200_000)], { maxLength: 4, ...plain, signal });
    await expect(encode).rejects.toBe(reason);
  });

  test('reports progress that grows to 1', async () => {
    const seen: number[] = [];
    const prompts = Array.from({ length: 50 }, (_, i) => `prompt ${i}`);
    await new HashEncoder(64).encode(prompts, { maxLength: 4, ...plain, onProgress: (f) => seen.push(f) });
    expect(seen.at(-1)).toBe(1);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  });
});

describe('words', () => {
  test.each([
    ['letters, and every other character alone', "don't x2!", ['don', "'", 't', 'x', '2', '!']],
    ['ASCII letters only: an accented letter stands alone', 'naïve ÿes', ['na', 'ï', 've', 'ÿ', 'es']],
    ['code points, not halves of them', '😀漢𠀀', ['😀', '漢', '𠀀']],
    ['combining marks apart from their letters', 'e\u0301', ['e', '\u0301']],
    ["Python's white space", 'a\x1cb\x1fc\x85d\xa0e\u2003f\u3000g', ['a', 'b', 'c', 'd', 'e', 'f', 'g']],
    ['a byte order mark and a zero width space as characters', '\ufeff\u200b', ['\ufeff', '\u200b']],
  ])('are %s', (_, prompt, expected) => {
    expect(wordsOf(prompt)).toEqual(expected);
  });
});

describe('the features of a word', () => {
  test('are the word between ^ and $, its 2-grams and its 3-grams', () => {
    expect(Array.from(features('cat'), text)).toEqual(['^cat$', '^c', 'ca', 'at', 't$', '^ca', 'cat', 'at$']);
  });

  test('count code points, not bytes', () => {
    expect(Array.from(features('😀'), text)).toEqual(['^😀$', '^😀', '😀$', '^😀$']);
  });
});
