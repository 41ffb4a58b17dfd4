import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EncodeOptions, HashEncoder, ModelTextEncoder, type TextEncoder } from '../../src/encoder/index.js';
import { ConditionProjection } from '../../src/generator/condition-projection.js';
import { PROJECTION_FILE, readProjection } from '../../src/generator/condition-projection-file.js';
import { Generator } from '../../src/generator/generator.js';
import { readManifest } from '../../src/generator/manifest.js';
import { projectedEncoder } from '../../src/generator/projected-encoder.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { principalComponents } from '../../src/training/condition-components.js';
import { HiddenStatesCache } from '../../src/training/hidden-states-cache.js';
import { planRun } from '../../src/training/plan-run.js';
import type { CreateTrainerOptions } from '../../src/training/start-run.js';
import { Trainer } from '../../src/training/trainer.js';
import { writeModel } from '../encoder/models.js';
import { createTiny, TINY_TOKENS } from '../generator/tiny.js';
import { checkpointBytes, generatedFrom, stepsOf, useRuns } from './run-workshop.js';
import { itemsOf } from './workshop.js';

jest.setTimeout(120_000);

const { at, checkpoint, complete, create, metrics } = useRuns();

const COMPONENTS = { conditionComponents: 16 } as const satisfies Partial<CreateTrainerOptions>;
const PROMPTS = ['which animal is larger?', 'which one is older?', 'what do they eat?', 'where?'];
/** Words of any letters, so that hidden states vary in every direction. */
const TEXTS = Array.from({ length: 120 }, (_, index) => {
  const random = SplitMix64.derived(7, index);
  const word = () => String.fromCharCode(...Array.from({ length: 3 }, () => 97 + random.below(26)));
  return Array.from({ length: 1 + random.below(14) }, word).join(' ');
});

async function states(encoder: TextEncoder, texts: readonly string[], condition: EncodeOptions) {
  const { hiddenStates } = await encoder.encode(texts, condition);
  const { channels } = encoder;
  const rows = Array.from({ length: hiddenStates.length / channels }, (_, position) =>
    hiddenStates.subarray(position * channels, (position + 1) * channels),
  );
  return rows.filter((row) => row.some((value) => value !== 0));
}

/** The largest difference of means and covariance from 0 and the identity. */
function distanceFromWhite(rows: readonly Float32Array[]): number {
  const channels = rows[0]!.length;
  let largest = 0;
  for (let i = 0; i < channels; i++) {
    largest = Math.max(largest, Math.abs(rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length));
    for (let j = 0; j < channels; j++) {
      const covariance = rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0) / rows.length;
      largest = Math.max(largest, Math.abs(covariance - (i === j ? 1 : 0)));
    }
  }
  return largest;
}

const generated = (folder: string, threads: number) => generatedFrom(folder, PROMPTS, threads);

describe('projected hidden states', () => {
  const encoders: [string, number, () => Promise<TextEncoder>][] = [
    ['the hash encoder', 24, async () => new HashEncoder(48)],
    ['a BERT', 12, async () => ModelTextEncoder.load(await writeModel(at('bert')))],
  ];
  test.each(encoders)('of %s have mean 0 and the identity as covariance', async (_what, components, load) => {
    await using encoder = await load();
    for (const pooling of ['none', 'mean'] as const) {
      const condition = { maxLength: 12, padding: 'zero', pooling, components } as const;
      const projection = await principalComponents(TEXTS, encoder, condition, { seed: 0 });
      const projected = projectedEncoder(encoder, projection);
      expect(projected.channels).toBe(components);
      const rows = await states(projected, TEXTS, condition);
      expect(rows).toHaveLength((await states(encoder, TEXTS, condition)).length);
      expect(distanceFromWhite(rows)).toBeLessThan(1e-3);
    }
  });

  test('are W·(x − mean), and zeros where the padding is, also of prompts that are encoded in groups', async () => {
    // 64 MiB are two of these prompts.
    const encoder = new HashEncoder(4096);
    const condition = { maxLength: 2048, padding: 'zero', pooling: 'none' } as const;
    const random = SplitMix64.seeded(1);
    const values = (count: number) => Float32Array.from({ length: count }, () => random.below(1000) / 500 - 1);
    const projection = new ConditionProjection(values(4096), values(2 * 4096));
    const texts = ['a b', 'x y z', 'one'];
    const { hiddenStates, shape, tokens } = await projectedEncoder(encoder, projection).encode(texts, condition);
    expect([shape, tokens]).toEqual([[3, 2048, 2], 2 + 3 + 1]);
    const { mean, matrix } = projection;
    for (const [index, text] of texts.entries()) {
      const [first] = await states(encoder, [text], { ...condition, maxLength: 8 });
      const own = hiddenStates.subarray(index * 2048 * 2, (index + 1) * 2048 * 2);
      for (let k = 0; k < 2; k++) {
        const expected = first!.reduce((sum, x, i) => sum + matrix[k * 4096 + i]! * (x - mean[i]!), 0);
        expect(own[k]).toBeCloseTo(expected, 3);
      }
      const words = text.split(' ').length;
      expect(own.subarray(0, 2 * words).every((value) => value !== 0)).toBe(true);
      expect(own.subarray(2 * words).every((value) => Object.is(value, 0))).toBe(true);
    }
  });

  test('lead with the largest deviations; signs are positive, and tiny deviations are not blown up', async () => {
    const deviations = [5, 0.25, 2, 1e-7];
    /** Independent channels, symmetric around 1, −2, 3, 0.5. */
    class Known extends HashEncoder {
      override async encode(prompts: readonly string[], options: EncodeOptions) {
        const encoded = await super.encode(prompts, options);
        const mean = [1, -2, 3, 0.5];
        for (const [index, prompt] of prompts.entries())
          for (const [channel, deviation] of deviations.entries())
            encoded.hiddenStates[index * 4 + channel] =
              mean[channel]! + ((Number(prompt) >> channel) & 1 ? 1 : -1) * deviation;
        return encoded;
      }
    }
    const texts = Array.from({ length: 16 }, (_, i) => String(i));
    const condition = { maxLength: 1, padding: 'zero', pooling: 'none', components: 4 } as const;
    const { matrix } = await principalComponents(texts, new Known(4), condition, { seed: 3 });
    const expected = [
      [1 / 5, 0, 0, 0],
      [0, 0, 1 / 2, 0],
      [0, 1 / 0.25, 0, 0],
      [0, 0, 0, 1 / (5 * 1e-3)],
    ].flat();
    for (const [index, value] of expected.entries()) expect(matrix[index]).toBeCloseTo(value, 4);
  });

  test('of many prompts come from a sample that the seed decides', async () => {
    const texts = Array.from({ length: 3000 }, (_, i) => `${(i * 7919) % 3001} of ${i} in all ${i % 97}`);
    const condition = { maxLength: 12, padding: 'zero', pooling: 'none', components: 6 } as const;
    const encoder = new HashEncoder(8);
    const first = await principalComponents(texts, encoder, condition, { seed: 0 });
    expect((await principalComponents(texts, encoder, condition, { seed: 0 })).sha256).toBe(first.sha256);
    expect((await principalComponents(texts, encoder, condition, { seed: 1 })).sha256).not.toBe(first.sha256);
    expect(
      distanceFromWhite(await states(projectedEncoder(encoder, first), texts.slice(0, 1000), condition)),
    ).toBeLessThan(0.1);
  });

  test('are cached apart from those of another projection', async () => {
    const encoder = new HashEncoder(48);
    const filled = async (texts: readonly string[]) => {
      const condition = { maxLength: 6, padding: 'zero', pooling: 'none', components: 4 } as const;
      const projection = await principalComponents(texts, encoder, condition, { seed: 0 });
      const cache = new HiddenStatesCache({
        encoder: projectedEncoder(encoder, projection),
        condition: { ...condition, componentsSha256: projection.sha256 },
        folder: at('cache'),
        memoryBytes: 1e6,
        diskBytes: 1e6,
      });
      const into = new Float32Array(cache.size);
      await cache.fill(['one two'], into);
      return { into, encoded: cache.encoded };
    };
    const first = await filled(TEXTS);
    expect(await filled(TEXTS)).toEqual({ into: first.into, encoded: 0 });
    const other = await filled(TEXTS.slice(20));
    expect(other.encoded).toBe(1);
    expect(other.into).not.toEqual(first.into);
  });
});

test('a run with components resumes byte for byte, and generates the same from a checkpoint and saved again', async () => {
  await complete('whole', COMPONENTS);
  await using trainer = await create('stopped', COMPONENTS);
  await stepsOf(trainer, 5);
  await trainer.save();
  await trainer.dispose();
  const before = await readFile(at('stopped', PROJECTION_FILE));
  // Its cached prompts are gone, too: they are encoded and projected again.
  await rm(at('stopped', 'cache'), { recursive: true });
  await using resumed = await Trainer.resume(at('stopped'), { threads: 3 });
  await stepsOf(resumed);
  await resumed.dispose();
  expect(await checkpointBytes(checkpoint('stopped', 10))).toEqual(await checkpointBytes(checkpoint('whole', 10)));
  expect(await metrics('stopped')).toEqual(await metrics('whole'));
  for (const folder of [at('stopped'), checkpoint('stopped', 10), at('whole'), checkpoint('whole', 10)])
    expect(await readFile(join(folder, PROJECTION_FILE))).toEqual(before);

  const { condition, formatVersion, encoder } = await readManifest(join(checkpoint('whole', 10), 'generator.json'));
  expect(formatVersion).toBe(4);
  expect(encoder.channels).toBe(384);
  expect(condition).toMatchObject({
    padding: 'zero',
    components: 16,
    componentsSha256: expect.stringMatching(/^\w{64}$/),
  });
  expect(JSON.parse(await readFile(at('whole', 'run.json'), 'utf8'))).toMatchObject({ condition });
  await using made = await Generator.load(checkpoint('whole', 10), { device: 'cpu' });
  await made.save(at('saved'));
  const expected = await generated(checkpoint('whole', 10), 1);
  expect(await generated(at('saved'), 3)).toEqual(expected);
  expect(await generated(checkpoint('stopped', 10), 2)).toEqual(expected);
});

test('the condition of a generator is the projected hidden states, as in training', async () => {
  await complete('run', { ...COMPONENTS, steps: 1, checkpointEvery: 1 });
  await using generator = await Generator.load(checkpoint('run', 1), { device: 'cpu' });
  const { condition } = generator.manifest;
  const projection = await readProjection(at('run'), generator.manifest);
  const cache = new HiddenStatesCache({
    encoder: projectedEncoder(new HashEncoder(), projection),
    condition,
    folder: at('cache'),
    memoryBytes: 1e6,
    diskBytes: 1e6,
  });
  const filled = new Float32Array(4 * 8 * 16);
  await cache.fill(PROMPTS, filled);
  const made = await generator.condition(PROMPTS, { seed: 0 });
  // The order of the prompts is drawn.
  const rows = (values: Float32Array) =>
    Array.from({ length: 4 }, (_, i) => values.subarray(i * 8 * 16, (i + 1) * 8 * 16).join()).sort();
  expect(rows(made)).toEqual(rows(filled));
});

test('components are those of the training tasks, and a resumed run keeps them although its pairs have changed', async () => {
  await complete('run', { ...COMPONENTS, steps: 2, schedule: 'constant' });
  const before = await readFile(at('run', PROJECTION_FILE));
  // plants is held out: its prompts do not matter.
  await writeFile(join(at('pairs'), 'plants', 'prompts.json'), JSON.stringify(itemsOf('other plants')));
  await complete('same', { ...COMPONENTS, steps: 1 });
  expect(await readFile(at('same', PROJECTION_FILE))).toEqual(before);
  await writeFile(join(at('pairs'), 'numbers', 'prompts.json'), JSON.stringify(itemsOf('other numbers')));
  await complete('other', { ...COMPONENTS, steps: 1 });
  expect(await readFile(at('other', PROJECTION_FILE))).not.toEqual(before);
  await using trainer = await Trainer.resume(at('run'), { allowChangedPairs: true, steps: 3 });
  expect(await stepsOf(trainer)).toHaveLength(1);
  await trainer.save();
  expect(await readFile(join(checkpoint('run', 3), PROJECTION_FILE))).toEqual(before);
});

test('pooling and the length projection work with them', async () => {
  const pooled = [[4, 1, 8], [6, 6, 12], TINY_TOKENS] as const;
  await complete('pooled', { conditionComponents: 8, pooling: 'mean', maxLength: 8, features: pooled, steps: 1 });
  await complete('projected', { ...COMPONENTS, maxLength: 12, steps: 1 });
  for (const [run, length, channels] of [
    ['pooled', 1, 8],
    ['projected', 12, 16],
  ] as const) {
    await using generator = await Generator.load(checkpoint(run, 1), { device: 'cpu' });
    expect(await generator.condition(PROMPTS)).toHaveLength(4 * length * channels);
    expect((await generator.generate(PROMPTS)).tensors.size).toBe(28);
  }
});

test('settings that do not fit are refused, with the way out', async () => {
  const refusal = async (changes: Partial<CreateTrainerOptions>, code: string, ...parts: string[]) => {
    const failure = expect(create('refused', changes)).rejects;
    await failure.toMatchObject({ code, message: expect.stringMatching(new RegExp(parts.join('[^]*'))) });
    await expect(readFile(at('refused', PROJECTION_FILE))).rejects.toMatchObject({ code: 'ENOENT' });
  };
  await refusal(
    { conditionComponents: 12 },
    'SHAPE_MISMATCH',
    'conditionComponents',
    'last number of features.0. to 12',
  );
  const wide = [[4, 8, 400], [6, 6, 12], TINY_TOKENS] as const;
  await refusal({ conditionComponents: 400, features: wide }, 'SHAPE_MISMATCH', '384 channels', 'got 400');
  await refusal({ ...COMPONENTS, padding: 'encode' }, 'SHAPE_MISMATCH', "expected the padding 'zero'");
  await refusal({ ...COMPONENTS, conditionComponents: 0 }, 'INVALID_ARGUMENT', 'conditionComponents');
  const deep = [[4, 8, 256], [6, 6, 12], TINY_TOKENS] as const;
  await refusal({ conditionComponents: 256, features: deep }, 'INVALID_ARGUMENT', 'expected more than 256, got 192');
  const same = Array.from({ length: 4 }, () => ({ prompt: 'word word word word', response: 'x' }));
  for (const task of ['animals', 'numbers'])
    await writeFile(
      join(at('pairs'), task, 'prompts.json'),
      JSON.stringify([...same, { ...same[0], prompt: 'word word' }]),
    );
  const narrow = [[4, 8, 2], [6, 6, 12], TINY_TOKENS] as const;
  await refusal({ conditionComponents: 2, features: narrow }, 'INVALID_ARGUMENT', 'hidden states that differ');
  await expect(createTiny({ ...COMPONENTS } as object)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('dnd train --condition-components'),
  });
});

test('other components are refused on resuming, and a plan computes none', async () => {
  await complete('run', { ...COMPONENTS, steps: 1 });
  await expect(Trainer.resume(at('run'), { conditionComponents: 8 })).rejects.toMatchObject({
    code: 'RESUME_MISMATCH',
    message: expect.stringContaining('conditionComponents'),
  });
  const features = [[4, 8, 16], [6, 6, 12], TINY_TOKENS] as const;
  const plan = await planRun({ ...COMPONENTS, features, encoder: 'hash', kernelSize: 3, pairs: at('pairs') });
  expect(plan.run.condition).toEqual({ maxLength: 8, padding: 'zero', pooling: 'none', components: 16 });
});

test('a generator with the file damaged, exchanged or missing is refused with its name, and so is a run', async () => {
  await complete('run', { ...COMPONENTS, steps: 1, checkpointEvery: 1 });
  await using made = await Generator.load(checkpoint('run', 1), { device: 'cpu' });
  // A saved generator has no checksums: the digest of its manifest must tell.
  const folder = at('generator');
  await made.save(folder);
  const path = join(folder, PROJECTION_FILE);
  const bytes = await readFile(path);
  const refused = (code: string) =>
    expect(Generator.load(folder, { device: 'cpu' })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(path),
    });
  const other = Buffer.from(bytes);
  other[other.length - 2]! ^= 1;
  await writeFile(path, other);
  await refused('CORRUPT_FILE');
  await writeFile(path, bytes.subarray(0, bytes.length - 8));
  await refused('CORRUPT_FILE');
  await rm(path);
  await refused('FILE_NOT_FOUND');
  await writeFile(path, bytes);
  const manifest = JSON.parse(await readFile(join(folder, 'generator.json'), 'utf8'));
  const { componentsSha256: _, ...without } = manifest.condition;
  await writeFile(join(folder, 'generator.json'), JSON.stringify({ ...manifest, condition: without }));
  await refused('CORRUPT_FILE');
  await rm(at('run', PROJECTION_FILE));
  await expect(Trainer.resume(at('run'))).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringContaining(at('run', PROJECTION_FILE)),
  });
});

test('an abort stops the computation, and leaves no run behind', async () => {
  const abort = new AbortController();
  const started = create('aborted', {
    ...COMPONENTS,
    signal: abort.signal,
    onProgress: (_, stage) => stage === 'components' && abort.abort(new Error('enough')),
  });
  await expect(started).rejects.toThrow('enough');
  await expect(readFile(at('aborted', PROJECTION_FILE))).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a run killed after it wrote the components, and before run.json, can be started again', async () => {
  for (const name of ['with', 'without']) {
    await mkdir(at(name));
    await writeFile(at(name, PROJECTION_FILE), 'of pairs that have changed since');
  }
  await complete('whole', { ...COMPONENTS, steps: 1 });
  await complete('with', { ...COMPONENTS, steps: 1 });
  expect(await readFile(at('with', PROJECTION_FILE))).toEqual(await readFile(at('whole', PROJECTION_FILE)));
  await complete('without', { steps: 1, checkpointEvery: 1 });
  await expect(readFile(at('without', PROJECTION_FILE))).rejects.toMatchObject({ code: 'ENOENT' });
  const manifest = JSON.parse(await readFile(join(checkpoint('without', 1), 'generator.json'), 'utf8'));
  expect(manifest.formatVersion).toBe(1);
  expect(Object.keys(manifest.condition)).toEqual(['maxLength', 'padding', 'pooling']);
});
