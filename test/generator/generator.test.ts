import { AdapterLayout } from '../../src/adapter/index.js';
import { DndError } from '../../src/errors.js';
import type { Generator } from '../../src/generator/generator.js';
import { digestOf } from './bytes.js';
import { createTiny, PROMPTS, TINY_BASE, TINY_TOKENS } from './tiny.js';

let generator: Generator;

beforeAll(async () => {
  generator = await createTiny();
});

afterAll(() => generator.dispose());

function refusal(code: string, sentence = '') {
  return expect.objectContaining({ code, message: expect.stringContaining(sentence) });
}

describe('generate', () => {
  test('gives every tensor that PEFT expects for the base model, with numbers in it', async () => {
    const adapter = await generator.generate(PROMPTS);
    const layout = new AdapterLayout({ base: TINY_BASE, rank: 2 });
    expect(Array.from(adapter.tensors, ([name, { shape }]) => [name, shape])).toEqual(
      layout.tensors.map(({ name, shape }) => [name, [...shape]]),
    );
    for (const { data } of adapter.tensors.values()) {
      expect(data.every(Number.isFinite)).toBe(true);
      expect(new Set(data).size).toBeGreaterThan(1);
    }
    expect(adapter.config).toMatchObject({ rank: 2, alpha: 4, useRslora: false, baseModelName: 'tiny/qwen2' });
  });

  test('the same prompts give the same bytes; other prompts, or another order, give others', async () => {
    const digest = digestOf(await generator.generate(PROMPTS));
    expect(digestOf(await generator.generate([...PROMPTS]))).toBe(digest);
    expect(digestOf(await generator.generate([...PROMPTS].reverse()))).not.toBe(digest);
    expect(digestOf(await generator.generate(['What is two plus two?']))).not.toBe(digest);
  });

  test('the number of threads makes no difference', async () => {
    const digests = new Set<string>();
    for (const threads of [1, 2, 3, 5]) {
      const own = await createTiny({ threads, seed: 3 });
      digests.add(digestOf(await own.generate(PROMPTS)));
      own.dispose();
    }
    expect(digests.size).toBe(1);
  });

  test('another seed of the generator is another generator', async () => {
    const other = await createTiny({ seed: 1 });
    expect(digestOf(await other.generate(PROMPTS))).not.toBe(digestOf(await generator.generate(PROMPTS)));
    other.dispose();
  });

  test.each([
    ['no prompts', [], 'the prompt set is empty'],
    ['an empty prompt', ['a', ' \n'], 'prompt 2 is empty'],
    ['a prompt that is no text', ['a', 'b', 3], 'prompt 3 must be a text, not number'],
    ['no array', 'What?', 'must be an array of texts'],
  ])('%s: INVALID_PROMPTS', async (_what, prompts, sentence) => {
    await expect(generator.generate(prompts as string[])).rejects.toEqual(refusal('INVALID_PROMPTS', sentence));
  });

  test('a seed must be a whole number', async () => {
    await expect(generator.generate(PROMPTS, { seed: 0.5 })).rejects.toEqual(refusal('INVALID_ARGUMENT', 'seed'));
  });
});

describe('the report', () => {
  test('reports the adapter, its inputs, and that the generator is untrained', async () => {
    const { report, tensors } = await generator.generate(PROMPTS, { seed: 5 });
    expect(report.generator).toEqual({
      trained: false,
      notice: expect.stringContaining('this generator is untrained'),
      preset: null,
      base: 'tiny/qwen2',
      encoder: 'the built-in encoder (hash, 16 channels)',
    });
    expect(report.seed).toBe(5);
    expect(report.prompts).toMatchObject({ given: 4, wanted: 4, used: 4, groups: 1, dropped: 0, repeated: 0 });
    expect(report.prompts.tokens).toBeGreaterThan(4 * 5);
    for (const seconds of Object.values(report.seconds)) expect(seconds).toBeGreaterThan(0);
    const squares = Array.from(tensors.values(), ({ data }) => data.reduce((sum, weight) => sum + weight ** 2, 0));
    expect(report.adapter.norm).toBeCloseTo(Math.sqrt(squares.reduce((sum, square) => sum + square)), 3);
    expect(report.adapter).toMatchObject({ rank: 2, alpha: 4, useRslora: false, tensors: 2 * 7 * 2 });
    expect(report.adapter.modules.q_proj!.A.count).toBe(2 * 2 * 64);
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  test('counts prompts that were left out, and which were used depends on the seed', async () => {
    const many = Array.from({ length: 40 }, (_, index) => `${index} apples`);
    const one = await generator.generate(many, { seed: 1 });
    expect(one.report.prompts).toMatchObject({ given: 40, wanted: 4, used: 4, dropped: 36, repeated: 0 });
    expect(digestOf(await generator.generate(many, { seed: 1 }))).toBe(digestOf(one));
    expect(digestOf(await generator.generate(many, { seed: 2 }))).not.toBe(digestOf(one));
  });

  test('counts prompts that were drawn again', async () => {
    const { report } = await generator.generate(['one', 'two'], { seed: 1 });
    expect(report.prompts).toMatchObject({ given: 2, wanted: 4, used: 2, dropped: 0, repeated: 2, tokens: 2 });
  });

  test('a prompt that is drawn twice counts as if it were given twice', async () => {
    const drawn = await generator.generate(['one'], { seed: 1 });
    expect(digestOf(drawn)).toBe(digestOf(await generator.generate(['one', 'one', 'one', 'one'])));
  });

  test('names the prompts that were cut', async () => {
    const long = 'many words that go on and on and on and on';
    const { report } = await generator.generate(['short', long, 'brief', long]);
    expect(report.prompts.truncated).toEqual([1, 3]);
    expect(report.prompts.tokens).toBe(1 + 8 + 1 + 8);
  });
});

describe('progress', () => {
  test('grows through the stages in their order, and ends with 1', async () => {
    const seen: [number, string][] = [];
    await generator.generate(PROMPTS, { onProgress: (fraction, stage) => seen.push([fraction, stage]) });
    const fractions = seen.map(([fraction]) => fraction);
    expect(fractions).toEqual([...fractions].sort((one, other) => one - other));
    expect([...new Set(seen.map(([, stage]) => stage))]).toEqual(['encode', 'decode', 'restore']);
    expect(seen.at(-1)).toEqual([1, 'restore']);
    expect(fractions.filter((fraction) => fraction === 1)).toHaveLength(1);
  });
});

describe('variants', () => {
  test('rsLoRA, alpha and modules reach the configuration', async () => {
    const modules = ['down_proj', 'q_proj'];
    const layout = new AdapterLayout({ base: TINY_BASE, rank: 3, modules });
    const features = [
      [4, 8, 16],
      [layout.tokenCount, layout.tokenHeight, layout.tokenWidth],
    ] as const;
    const own = await createTiny({ features, rank: 3, alpha: 5, useRslora: true, modules });
    const { config, tensors } = await own.generate(PROMPTS);
    own.dispose();
    expect(config).toMatchObject({ rank: 3, alpha: 5, useRslora: true, targetModules: ['q_proj', 'down_proj'] });
    expect(tensors.size).toBe(2 * 2 * 2);
  });

  test('long prompts pass through a length projection', async () => {
    const own = await createTiny({ maxLength: 20 });
    expect(own.manifest.decoder.projectedFrom).toBe(20);
    const { report } = await own.generate([Array(30).fill('word').join(' '), 'two words']);
    own.dispose();
    expect(report.prompts).toMatchObject({ truncated: [0], tokens: 22 });
  });

  test('pooled prompts make conditions of length 1', async () => {
    const features = [[4, 1, 16], [6, 6, 12], TINY_TOKENS] as const;
    const own = await createTiny({ features, pooling: 'mean', maxLength: 64 });
    expect(own.manifest.condition).toEqual({ maxLength: 64, padding: 'encode', pooling: 'mean' });
    expect((await own.generate(PROMPTS)).tensors.size).toBe(28);
    own.dispose();
  });

  test.each([
    ['of every token', {}],
    ['of every token, projected', { maxLength: 20 }],
    ['pooled', { features: [[4, 1, 16], [6, 6, 12], TINY_TOKENS] as const, pooling: 'mean' as const }],
  ])('the adapter of a condition is that of its prompts: %s', async (_, settings) => {
    const own = await createTiny(settings);
    const condition = await own.condition(PROMPTS);
    const decoded = await own.decode(condition);
    expect(decoded.tensors).toEqual((await own.generate(PROMPTS)).tensors);
    await expect(own.decode(condition.subarray(1))).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: expect.stringMatching(`has ${condition.length - 1} elements; expected .*, ${condition.length}$`),
    });
    own.dispose();
  });
});

describe('create refuses', () => {
  test.each([
    ['features that do not fit the adapter', { rank: 4 }, 'SHAPE_MISMATCH', 'make the last entry of features ['],
    ['a maximal length below that of the features', { maxLength: 7 }, 'SHAPE_MISMATCH', 'maxLength of 7'],
    ['pooling with a long condition', { pooling: 'cls' }, 'SHAPE_MISMATCH', "pooling 'cls'"],
    ['a rank of zero', { rank: 0 }, 'INVALID_ARGUMENT', 'rank'],
    ['a base that is neither path nor shape', { base: { hidden_size: 64 } }, 'INVALID_ARGUMENT', 'readBaseModel'],
    [
      'a base without a name',
      { base: { ...TINY_BASE, name: undefined } },
      'INVALID_ARGUMENT',
      'base.name: is missing; expected a text or null',
    ],
    ['a base that is nothing', { base: null }, 'INVALID_ARGUMENT', 'base'],
    ['a base too wide to be read again', { base: { ...TINY_BASE, hidden: 2 ** 21 } }, 'INVALID_ARGUMENT', 'hidden'],
    ['a rank of a BigInt', { rank: 2n }, 'INVALID_ARGUMENT', '2n'],
    [
      'a scaling that is no boolean',
      { useRslora: 'yes' },
      'INVALID_ARGUMENT',
      'useRslora: is not valid; expected true or false',
    ],
    [
      'a limit of memory that is a text',
      { memoryLimitBytes: '8GB' },
      'INVALID_ARGUMENT',
      'memoryLimitBytes: is not valid; expected a whole number',
    ],
    ['threads that are a text', { threads: '2' }, 'INVALID_ARGUMENT', 'threads: is not valid; expected a whole number'],
    ['modules that are no list', { modules: 'q_proj' }, 'INVALID_ARGUMENT', 'modules must be a list'],
    ['an empty path', { encoder: '' }, 'INVALID_ARGUMENT', 'encoder'],
    ['an unknown module', { modules: ['embed_tokens'] }, 'INVALID_ARGUMENT', 'embed_tokens'],
    ['an alpha of nothing', { alpha: Number.NaN }, 'INVALID_ARGUMENT', 'alpha'],
    ['an unknown padding', { padding: 'left' }, 'INVALID_ARGUMENT', 'padding'],
    ['an unknown device', { device: 'tpu' }, 'DEVICE_UNAVAILABLE', 'there is no device "tpu"'],
    ['an unknown precision', { precision: 'fp16' }, 'INVALID_ARGUMENT', 'not "fp16"'],
    ['a preset beside features', { preset: 'qwen2.5-7b-math' }, 'INVALID_ARGUMENT', 'not both'],
    ['an encoder that is not there', { encoder: '/no/such/folder' }, 'FILE_NOT_FOUND', '/no/such/folder'],
    ['a base that is not there', { base: '/no/such/config.json' }, 'FILE_NOT_FOUND', '/no/such/config.json'],
    ['to take more memory than is allowed', { memoryLimitBytes: 1000 }, 'OUT_OF_MEMORY', 'memoryLimitBytes'],
  ])('%s', async (_what, changes, code, sentence) => {
    await expect(createTiny(changes as object)).rejects.toEqual(refusal(code, sentence));
  });

  test('a preset for another base model, and names both', async () => {
    const settings = {
      features: undefined,
      kernelSize: undefined,
      rank: undefined,
      preset: 'qwen2.5-0.5b-common-sense',
    } as const;
    await expect(createTiny(settings)).rejects.toEqual(
      refusal(
        'SHAPE_MISMATCH',
        'the preset qwen2.5-0.5b-common-sense decodes (tokens, height, width) = (4296, 10, 130), and tiny/qwen2',
      ),
    );
  });

  test('a decoder too large for any machine, with the need', async () => {
    const features = [[4, 8, 16], [100_000, 100, 100], [100_000, 100, 100], TINY_TOKENS] as const;
    const error = await createTiny({ features, kernelSize: 25 }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(DndError);
    expect(error).toMatchObject({ code: 'OUT_OF_MEMORY', message: expect.stringMatching(/\d TB|\d GB|\d{13}/) });
  });
});
