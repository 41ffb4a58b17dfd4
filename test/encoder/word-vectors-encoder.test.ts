import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { loadTextEncoder, loadTokenCounter } from '../../src/encoder/index.js';
import { DndError } from '../../src/errors.js';
import { writeSafetensors } from '../../src/formats/safetensors/index.js';
import { Generator } from '../../src/generator/generator.js';
import { createTiny, TINY_TOKENS } from '../generator/tiny.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { tensor } from './models.js';

const temporary = useTemporaryFolder();

const LINES = ['the 1 2 3', 'cat 4 5 6', "don't 7 8 9", '. 0.5 -0.5 1e-2', 'New York -1 -2 -3', 'the 9 9 9'];
const vectors = (...rows: number[][]) => Float32Array.from(rows.flat());
const zero = [0, 0, 0];
const none = { maxLength: 4, padding: 'zero', pooling: 'none' } as const;

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(temporary(), name);
  await writeFile(path, content);
  return path;
}

test.each([
  ['GloVe text', 'glove.txt', LINES.join('\n')],
  ['a trailing newline', 'glove.txt', `${LINES.join('\n')}\n`],
  ['lines of Windows', 'glove.txt', LINES.join('\r\n')],
  ["word2vec's header", 'words.vec', ['6 3', ...LINES].join('\n')],
])('words have the vectors of %s, the first one counts, and others are left out', async (_, name, text) => {
  const encoder = await loadTextEncoder(await write(name, text));
  expect(encoder.channels).toBe(3);
  const prompts = ["The unheard cat don't.", 'zebra', 'the the the the the'];
  const { hiddenStates, shape, tokens, truncatedPrompts } = await encoder.encode(prompts, none);
  expect(shape).toEqual([3, 4, 3]);
  const [the, cat, dot] = [
    [1, 2, 3],
    [4, 5, 6],
    [0.5, -0.5, 1e-2],
  ] as const;
  // "don't." is not in the table, and of its parts the full stop is.
  expect(hiddenStates).toEqual(
    vectors([...the], [...cat], [...dot], zero, zero, zero, zero, zero, [...the], [...the], [...the], [...the]),
  );
  expect(tokens).toBe(7);
  expect(truncatedPrompts).toEqual([2]);
});

test.each([
  ['after a header', '3 2\ntop 10 1 2\n1 2 3 4\n. . 5 6'],
  ['without one, unless it ends with a number after another beginning', 'a 0 0\n1 2 3 4\n. . 5 6'],
])('a word may have spaces: %s', async (_, text) => {
  const encoder = await loadTextEncoder(await write('words.vec', text));
  expect(encoder.channels).toBe(2);
});

test('a word between spaces is looked up whole before it is cut into parts', async () => {
  const encoder = await loadTextEncoder(await write('glove.txt', LINES.join('\n')));
  const { hiddenStates } = await encoder.encode(["don't"], { ...none, maxLength: 1 });
  expect(hiddenStates).toEqual(vectors([7, 8, 9]));
});

test('unknown words take the vector of <unk>, if there is one', async () => {
  const encoder = await loadTextEncoder(await write('glove.txt', [...LINES, '<unk> 3 2 1'].join('\n')));
  const { hiddenStates } = await encoder.encode(['zebra cat'], { ...none, maxLength: 2 });
  expect(hiddenStates).toEqual(vectors([3, 2, 1], [4, 5, 6]));
});

test('pools to the mean of the known words, or to the first; zero without any', async () => {
  const encoder = await loadTextEncoder(await write('glove.txt', LINES.join('\n')));
  const prompts = ['the cat', 'zebra'];
  const mean = await encoder.encode(prompts, { ...none, pooling: 'mean' });
  expect(mean.hiddenStates).toEqual(vectors([2.5, 3.5, 4.5], zero));
  const first = await encoder.encode(prompts, { ...none, pooling: 'cls' });
  expect(first.hiddenStates).toEqual(vectors([1, 2, 3], zero));
});

async function writeTable(words: string[], shape: number[]): Promise<string> {
  await writeFile(join(temporary(), 'vocab.txt'), `${words.join('\n')}\n`);
  const path = join(temporary(), 'table.safetensors');
  const data = Float32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => i);
  await writeSafetensors(path, [tensor('emb_layer.weight', shape, data)]);
  return path;
}

test('a safetensors file has its words in vocab.txt beside it', async () => {
  const encoder = await loadTextEncoder(await writeTable(['the', 'cat'], [2, 3]));
  const { hiddenStates } = await encoder.encode(['cat the'], { ...none, maxLength: 2 });
  expect(hiddenStates).toEqual(vectors([3, 4, 5], [0, 1, 2]));
});

test('a safetensors file of another number of words is refused', async () => {
  await expect(loadTextEncoder(await writeTable(['the'], [2, 3]))).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringMatching(/expected \[1, .*vocab\.txt, got \[2, 3\]/),
  });
});

test.each([
  ['no lines', '', 'there are no word vectors'],
  ['a word alone', 'the', 'line 1 is not valid'],
  ['prose', 'It was the best of times', 'line 1 is not valid; expected 5 numbers after the word'],
  ['too few numbers', 'the 1 2 3\ncat 1 2', 'line 2 is not valid'],
  ['no number', 'the 1 2 3\ncat 1 x 2', 'line 2 is not valid'],
  ['a number beyond float32', 'the 1 2 1e39', 'line 1 is not valid'],
  ['an empty field', 'the 1 2 3\ncat 1  3', 'line 2 is not valid'],
  [
    'a line with a number more than the first',
    'the 0.1 0.2\nof 0.3 0.4 0.9',
    'line 2 is not valid; expected a word and 2',
  ],
  [
    'fewer channels than its header says',
    '400000 300\nthe 1 2\ncat 3 4',
    'line 2 is not valid; expected a word and 300',
  ],
  ['fewer words than its header says', '3 2\nthe 1 2\ncat 3 4', 'expected 3, got 2. It may be truncated'],
  ['more words than its header says', '1 2\nthe 1 2\nthe 3 4', 'expected 1, got 2'],
  [
    'a header of too many channels',
    '2 99999\nthe 1 2',
    'line 1 is not valid; expected the number of words and 2 to 16384',
  ],
])('a text file with %s is refused', async (_, text, message) => {
  await expect(loadTextEncoder(await write('glove.txt', text))).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining(message),
  });
});

test('any bytes are a table or an error that names the file', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const path = await write('any.txt', bytes);
      const result = await loadTextEncoder(path).catch((error: unknown) => error);
      if (!(result instanceof DndError)) expect(result).toHaveProperty('channels');
      else expect(result).toMatchObject({ code: 'CORRUPT_FILE', message: expect.stringContaining(path) });
    }),
    { numRuns: 60 },
  );
});

test('its tokens are the known words', async () => {
  const counter = await loadTokenCounter(await write('glove.txt', LINES.join('\n')));
  expect(await counter.count('The unheard cat.')).toBe(3);
});

test('a generator keeps a copy of the table', async () => {
  const glove = await write('glove.txt', LINES.join('\n'));
  const features = [[4, 8, 3], [6, 6, 12], TINY_TOKENS] as const;
  const made = await createTiny({ encoder: glove, features });
  const out = join(temporary(), 'generator');
  await mkdir(out, { recursive: true });
  await made.save(join(out, 'made'));
  const prompts = ['the cat', 'the', 'cat', '.'];
  const expected = await made.generate(prompts);
  made.dispose();
  await writeFile(glove, 'the 0 0 0');
  const loaded = await Generator.load(join(out, 'made'));
  const actual = await loaded.generate(prompts);
  loaded.dispose();
  for (const [key, { data }] of expected.tensors) expect(actual.tensors.get(key)!.data).toEqual(data);
  await expect(Generator.load(join(out, 'made'), { encoder: glove })).rejects.toMatchObject({
    code: 'ENCODER_MISMATCH',
  });
});
