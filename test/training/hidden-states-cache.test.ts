import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EncodeOptions, HashEncoder, ModelTextEncoder, type TextEncoder } from '../../src/encoder/index.js';
import { encodeGroups } from '../../src/generator/encode.js';
import { ByteCache } from '../../src/training/byte-cache.js';
import { HiddenStatesCache, type HiddenStatesCacheOptions } from '../../src/training/hidden-states-cache.js';
import { abortedAfterTicks } from '../encoder/event-loop.js';
import { writeModel } from '../encoder/models.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const temporary = useTemporaryFolder();
const CONDITION = { maxLength: 6, padding: 'encode', pooling: 'none' } as const;
const CHANNELS = 8;
const TEXTS = ['a b c', 'one two three four five six seven', 'x', 'Größe 12', 'a b c'];

/** The hash encoder, which remembers what it was asked for. */
class Recorder extends HashEncoder {
  readonly asked: string[] = [];

  override encode(prompts: readonly string[], options: EncodeOptions) {
    this.asked.push(...prompts);
    return super.encode(prompts, options);
  }
}

function hiddenStatesWith(changes: Partial<HiddenStatesCacheOptions> = {}): {
  states: HiddenStatesCache;
  encoder: Recorder;
} {
  const encoder = new Recorder(CHANNELS);
  const options = {
    encoder,
    condition: CONDITION,
    folder: join(temporary(), 'cache'),
    memoryBytes: 1e6,
    diskBytes: 1e6,
  };
  return { states: new HiddenStatesCache({ ...options, ...changes }), encoder };
}

async function filled(states: HiddenStatesCache, texts: readonly string[]): Promise<Float32Array> {
  const condition = new Float32Array(texts.length * states.size).fill(7);
  await states.fill(texts, condition);
  return condition;
}

async function direct(
  texts: readonly string[],
  condition: Omit<EncodeOptions, 'signal'> = CONDITION,
): Promise<Float32Array> {
  return (await new HashEncoder(CHANNELS).encode(texts, condition)).hiddenStates;
}

async function cachedFiles(): Promise<string[]> {
  const [way] = await readdir(join(temporary(), 'cache'));
  return (await readdir(join(temporary(), 'cache', way!))).map((name) => join(temporary(), 'cache', way!, name));
}

describe('states of prompts', () => {
  test('are those of the text encoder, and of generate, in the order of the texts', async () => {
    const { states } = hiddenStatesWith();
    expect(await filled(states, TEXTS)).toEqual(await direct(TEXTS));
    const group = { prompts: TEXTS, indices: [0, 1, 2, 3, 0] };
    const { hiddenStates: generated } = await encodeGroups(new HashEncoder(CHANNELS), [group], CONDITION, {});
    expect(await filled(states, TEXTS)).toEqual(generated);
  });

  test.each([
    ['encode', 'none'],
    ['zero', 'none'],
    ['encode', 'mean'],
    ['zero', 'cls'],
  ] as const)(
    'of a BERT are those of generate, whatever else is encoded with them (padding %s, pooling %s)',
    async (padding, pooling) => {
      await using encoder = await ModelTextEncoder.load(await writeModel(join(temporary(), 'bert')));
      const condition = { maxLength: 10, padding, pooling };
      const group = { prompts: TEXTS, indices: [0, 1, 2, 3, 0] };
      const { hiddenStates: generated } = await encodeGroups(encoder, [group], condition, {});
      const { states } = hiddenStatesWith({ encoder, condition, memoryBytes: 1 });
      // One by one, then all from the disk.
      for (const text of TEXTS) await filled(states, [text]);
      expect(await filled(states, TEXTS)).toEqual(generated);
      expect(states.encoded).toBe(4);
    },
  );

  test.each([
    ['memory and disk', 1e6, 1e6],
    ['memory alone', 1e6, 1],
    ['disk alone', 1, 1e6],
    ['a memory too small for all', 400, 1e6],
  ])('of each distinct text are encoded once with %s', async (_what, memoryBytes, diskBytes) => {
    const { states, encoder } = hiddenStatesWith({ memoryBytes, diskBytes });
    for (let round = 0; round < 3; round++) expect(await filled(states, TEXTS)).toEqual(await direct(TEXTS));
    expect(encoder.asked.sort()).toEqual([...new Set(TEXTS)].sort());
    expect(states.encoded).toBe(4);
  });

  test('are encoded again if no cache has space for them', async () => {
    const { states, encoder } = hiddenStatesWith({ memoryBytes: 1, diskBytes: 1 });
    for (let round = 0; round < 2; round++) expect(await filled(states, TEXTS)).toEqual(await direct(TEXTS));
    expect(encoder.asked).toHaveLength(8);
    expect(await cachedFiles()).toEqual([]);
  });

  test('leave reserved disk space free', async () => {
    const { states, encoder } = hiddenStatesWith({ memoryBytes: 1, reserveBytes: 1e18 });
    for (let round = 0; round < 2; round++) expect(await filled(states, TEXTS)).toEqual(await direct(TEXTS));
    expect(encoder.asked).toHaveLength(8);
    expect(await cachedFiles()).toEqual([]);
  });

  test('are read from the disk by the next process, unless it encodes in another way', async () => {
    await filled(hiddenStatesWith().states, TEXTS);
    const same = hiddenStatesWith();
    expect(await filled(same.states, TEXTS)).toEqual(await direct(TEXTS));
    expect(same.encoder.asked).toEqual([]);
    const shorter = { ...CONDITION, maxLength: 3 };
    const other = hiddenStatesWith({ condition: shorter });
    expect(await filled(other.states, TEXTS)).toEqual(await direct(TEXTS, shorter));
    expect(other.encoder.asked).toHaveLength(4);
  });

  test.each<[string, (path: string) => Promise<void>]>([
    [
      'a flipped bit',
      async (path) => {
        const bytes = await readFile(path);
        bytes[bytes.length - 1]! ^= 1;
        await writeFile(path, bytes);
      },
    ],
    ['a cut file', (path) => truncate(path, 70)],
    ['an empty file', (path) => truncate(path, 0)],
    [
      'a header that promises too much',
      async (path) => {
        const bytes = await readFile(path);
        bytes.writeBigUInt64LE(2n ** 50n, 8);
        await writeFile(path, bytes);
      },
    ],
  ])('with %s in the cache are encoded again, and kept', async (_what, damage) => {
    await filled(hiddenStatesWith().states, TEXTS);
    for (const path of await cachedFiles()) await damage(path);
    const again = hiddenStatesWith();
    expect(await filled(again.states, TEXTS)).toEqual(await direct(TEXTS));
    expect(again.encoder.asked).toHaveLength(4);
    const third = hiddenStatesWith();
    expect(await filled(third.states, TEXTS)).toEqual(await direct(TEXTS));
    expect(third.encoder.asked).toEqual([]);
  });

  test('do not store trailing zeros', async () => {
    await filled(hiddenStatesWith().states, ['x']);
    const [path] = await cachedFiles();
    expect((await readFile(path!)).length).toBeLessThanOrEqual(48 + 4 * CHANNELS);
  });

  test('keep every bit, that of −0 too', async () => {
    const values = [0, -0, 1, 0, -0, 0, 0, 0];
    const odd: TextEncoder = Object.assign(new HashEncoder(CHANNELS), {
      encode: async () => ({
        hiddenStates: Float32Array.from(values),
        shape: [1, 1, 8] as [number, number, number],
        tokens: 1,
        truncatedPrompts: [],
      }),
    });
    const options = { encoder: odd, condition: { ...CONDITION, pooling: 'mean' as const }, memoryBytes: 1 };
    for (let round = 0; round < 2; round++) {
      const bits = await filled(hiddenStatesWith(options).states, ['x']);
      expect(Array.from(bits, (value) => Object.is(value, -0))).toEqual(values.map((value) => Object.is(value, -0)));
    }
  });

  test('are encoded ahead if they fit, and not otherwise', async () => {
    const roomy = hiddenStatesWith();
    await roomy.states.encodeAhead(TEXTS);
    expect(roomy.encoder.asked).toHaveLength(4);
    await filled(roomy.states, TEXTS);
    expect(roomy.encoder.asked).toHaveLength(4);
    const narrow = hiddenStatesWith({ folder: join(temporary(), 'narrow'), memoryBytes: 300, diskBytes: 300 });
    await narrow.states.encodeAhead(TEXTS);
    expect(narrow.encoder.asked).toEqual([]);
  });

  test('clear away what a killed process left, and do without a cache that cannot be written', async () => {
    await filled(hiddenStatesWith().states, TEXTS);
    const [path] = await cachedFiles();
    const leftover = join(path!, '..', '.abc.states.partial-1-00');
    await writeFile(leftover, 'half');
    await filled(hiddenStatesWith().states, TEXTS);
    expect(await cachedFiles()).not.toContain(leftover);
    // A file where the folder should be: no user can write into it.
    const blocked = join(temporary(), 'blocked');
    await writeFile(blocked, '');
    const { states } = hiddenStatesWith({ folder: blocked });
    expect(await filled(states, TEXTS)).toEqual(await direct(TEXTS));
  });

  test('stop by a signal, and yield to the event loop', async () => {
    const texts = Array.from({ length: 400 }, (_, index) => `text ${index} ${'and more words '.repeat(20)}`);
    const { states } = hiddenStatesWith({ condition: { ...CONDITION, maxLength: 50 } });
    const count = abortedAfterTicks(5);
    const condition = new Float32Array(texts.length * states.size);
    await expect(states.fill(texts, condition, { signal: count.signal })).rejects.toBe(count.reason);
    count.end();
    await states.fill(texts, condition);
    expect(condition).toEqual(await direct(texts, { ...CONDITION, maxLength: 50 }));
  });
});

describe('a cache of so many bytes', () => {
  test('keeps what was used last', () => {
    const cache = new ByteCache<string, number>(10);
    cache.set('a', 1, 4);
    cache.set('b', 2, 4);
    expect(cache.get('a')).toBe(1);
    cache.set('c', 3, 4);
    expect([cache.has('a'), cache.has('b'), cache.has('c'), cache.bytes]).toEqual([true, false, true, 8]);
    cache.set('d', 4, 11);
    expect([cache.has('d'), cache.bytes]).toEqual([false, 8]);
    cache.set('a', 5, 10);
    expect([cache.get('a'), cache.has('c'), cache.bytes]).toEqual([5, false, 10]);
    cache.clear();
    expect([cache.get('a'), cache.bytes]).toEqual([undefined, 0]);
  });
});
