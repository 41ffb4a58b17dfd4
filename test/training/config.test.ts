import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { editDistance, nearest } from '../../src/nearest.js';
import { changedSettings, readConfig, resolveSettings, settingsDigest } from '../../src/training/config.js';
import { SETTING_NAMES } from '../../src/training/settings.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const temporary = useTemporaryFolder();
const NEEDED = { pairs: '/p', encoder: 'hash' };

async function configFile(content: unknown): Promise<string> {
  const path = join(temporary(), 'train.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('settings', () => {
  test('have the defaults of the published recipe', () => {
    expect(resolveSettings(NEEDED)).toMatchObject({
      learningRate: 3e-5,
      warmupSteps: 1,
      schedule: 'cosine',
      beta1: 0.9,
      beta2: 0.999,
      eps: 1e-8,
      weightDecay: 0.1,
      maxGradientNorm: 1,
      conditionNoise: 1e-4,
      targetNoise: 1e-5,
      moments: 'fp32',
      form: 'prompt',
      keepCheckpoints: 3,
      heldOutCheckpoints: 0.1,
    });
  });

  test.each<[Record<string, unknown>, string]>([
    [{ learningrate: 1 }, 'there is no setting "learningrate"; did you mean learningRate?'],
    [{ warmup: 1 }, 'did you mean warmupSteps?'],
    [{ evalEvery: 1 }, 'did you mean evaluateEvery?'],
    [{ rate: 1 }, 'did you mean learningRate?'],
    [{ step: 1 }, 'did you mean steps?'],
    [{ learningRate: 0 }, 'learningRate must be a number above 0, not 0'],
    [{ learningRate: '3e-5' }, 'learningRate must be a number above 0, not "3e-5"'],
    [{ beta2: 1 }, 'beta2 must be a number from 0 and below 1, not 1'],
    [{ batch: 2.5 }, 'batch must be a whole number from 1 to 65536, not 2.5'],
    [{ schedule: 'cosin' }, 'schedule must be one of cosine, constant (the nearest: cosine), not "cosin"'],
    [{ moments: 8 }, 'moments must be one of fp32, 8bit, not 8'],
    [
      {
        features: [
          [1, 2, 3],
          [4, 5],
        ],
      },
      'features[1] must be [tokens, height, width], three whole numbers from 1, not [4,5]',
    ],
    [{ heldOutTasks: 'plants' }, 'heldOutTasks must be a list of names, not "plants"'],
    [{ memoryLimit: '20 gigs' }, 'memoryLimit must be a number of bytes from 1'],
    [{ tokenImportance: 'yes' }, 'tokenImportance must be true or false, not "yes"'],
    [{ pairs: '' }, 'pairs must be a path, not ""'],
    [{ batch: 2, microBatch: 3 }, 'microBatch 3 is more than the batch of 2'],
    [{ seed: null }, 'seed must be a whole number from 0, not null'],
  ])('refuse %j', (wrong, message) => {
    expect(() => resolveSettings({ ...NEEDED, ...wrong }, 'train.json')).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) }),
    );
  });

  test('say what is missing', () => {
    expect(() => resolveSettings({ encoder: 'hash' })).toThrow(
      'pairs is missing: folder of the prompt–checkpoint pairs',
    );
  });

  test('take bytes as people write them', () => {
    expect(checkedBytes('20GB')).toBe(20e9);
    expect(checkedBytes('512MiB')).toBe(2 ** 29);
    expect(checkedBytes(1000)).toBe(1000);
    function checkedBytes(value: unknown) {
      return resolveSettings({ ...NEEDED, memoryLimit: value as number }).memoryLimit;
    }
  });
});

describe('a configuration file', () => {
  test('has paths relative to its own folder', async () => {
    const path = await configFile({
      pairs: 'data/pairs',
      encoder: './minilm',
      out: '../run',
      base: '/models/b',
      steps: 7,
    });
    expect(await readConfig(path)).toEqual({
      pairs: join(temporary(), 'data/pairs'),
      encoder: join(temporary(), 'minilm'),
      out: join(temporary(), '../run'),
      base: '/models/b',
      steps: 7,
    });
    expect((await readConfig(await configFile({ encoder: 'hash' }))).encoder).toBe('hash');
  });

  test.each<[string, unknown, string]>([
    ['that is no JSON', '{"steps": 3,}', 'is not valid JSON'],
    ['that is a list', [1], 'must be a JSON object of settings'],
    ['with an unknown key', { stepps: 3 }, 'train.json: there is no setting "stepps"; did you mean steps?'],
    ['with a wrong value', { steps: 0 }, 'train.json: steps must be a whole number from 1, not 0'],
    ['with a wrong place', { out: 3 }, 'out must be a path, not 3'],
  ])('%s is refused by name', async (_what, content, message) => {
    await expect(readConfig(await configFile(content))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    });
  });

  test('that is not there is named', async () => {
    await expect(readConfig(join(temporary(), 'none.json'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });
});

describe('a run that goes on', () => {
  const run = resolveSettings(NEEDED);

  test('may have other settings only where they decide nothing', () => {
    expect(changedSettings(run, { threads: 3, keepCheckpoints: 1 }, 'run')).toEqual({
      ...run,
      threads: 3,
      keepCheckpoints: 1,
    });
    expect(() => changedSettings(run, { batch: 3, beta1: 0.5, threads: 3 }, 'run')).toThrow(
      'batch is 8, not 3; beta1 is 0.9, not 0.5; leave them out',
    );
    expect(() => changedSettings(run, { steps: 10 }, 'run')).toThrow('steps is 2500, not 10');
    expect(changedSettings({ ...run, schedule: 'constant' }, { steps: 10 }, 'run').steps).toBe(10);
  });

  test('is known by the settings that decide', () => {
    expect(settingsDigest({ ...run, threads: 7, pairs: '/elsewhere' })).toBe(settingsDigest(run));
    expect(settingsDigest({ ...run, seed: 7 })).not.toBe(settingsDigest(run));
  });
});

describe('the nearest name', () => {
  test('is the one with the fewest changes of characters', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(nearest('checkpointsEvery', SETTING_NAMES)).toBe('checkpointEvery');
    expect(nearest('x', [])).toBeUndefined();
  });

  test('by a distance that is one', () => {
    const word = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'c') });
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c));
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});
