import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { changedSettings, readConfig, resolveSettings, settingsDigest } from '../../src/training/config.js';
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
    [{ learningRate: 0 }, 'learningRate: is not valid; expected a number above 0, got 0'],
    [{ learningRate: '3e-5' }, 'learningRate: is not valid; expected a number above 0, got "3e-5"'],
    [{ beta2: 1 }, 'beta2: is not valid; expected a number from 0 and below 1, got 1'],
    [{ batch: 2.5 }, 'batch: is not valid; expected a whole number from 1 to 65536, got 2.5'],
    [
      { schedule: 'cosin' },
      'schedule: is not valid; expected one of cosine, constant (did you mean cosine?), got "cosin"',
    ],
    [{ moments: 8 }, 'moments: is not valid; expected one of fp32, 8bit, got 8'],
    [
      {
        features: [
          [1, 2, 3],
          [4, 5],
        ],
      },
      'features[1]: is not valid; expected [tokens, height, width], three whole numbers from 1, got [4,5]',
    ],
    [{ heldOutTasks: 'plants' }, 'heldOutTasks: is not valid; expected a list of names, got "plants"'],
    [{ memoryLimit: '20 gigs' }, 'memoryLimit: is not valid; expected a number of bytes from 1'],
    [{ tokenImportance: 'yes' }, 'tokenImportance: is not valid; expected true or false, got "yes"'],
    [{ pairs: '' }, 'pairs: is not valid; expected a path, got ""'],
    [{ batch: 2, microBatch: 3 }, 'microBatch 3 is more than the batch of 2'],
    [{ seed: null }, 'seed: is not valid; expected a whole number from 0, got null'],
    [{ tokenSteps: 3 }, "tokenSteps is of the loss 'both', and the loss is 'tokens'"],
    [
      { loss: 'both', base: '/b', steps: 30, tokenSteps: 30 },
      'tokenSteps 30 leaves none of the 30 steps for the behaviour loss',
    ],
  ])('refuse %j', (wrong, message) => {
    expect(() => resolveSettings({ ...NEEDED, ...wrong }, 'train.json')).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) }),
    );
  });

  test("have the normalisation of their loss: 'chunk' for tokens, 'residual' otherwise", () => {
    const normalisation = (settings: object) => resolveSettings({ ...NEEDED, ...settings }).normalisation;
    expect(normalisation({})).toBe('chunk');
    expect(normalisation({ normalisation: 'residual' })).toBe('residual');
    for (const loss of ['behaviour', 'both']) expect(normalisation({ loss, base: '/b' })).toBe('residual');
  });

  test('minimise the token loss in half of the steps where both losses are wanted, unless told otherwise', () => {
    const tokenSteps = (settings: object) => resolveSettings({ ...NEEDED, base: '/b', ...settings }).tokenSteps;
    expect(tokenSteps({ loss: 'both', steps: 9 })).toBe(4);
    expect(tokenSteps({ loss: 'both', steps: 9, tokenSteps: 0 })).toBe(0);
    for (const loss of ['tokens', 'behaviour']) expect(tokenSteps({ loss })).toBe(0);
  });

  test('say what is missing', () => {
    expect(() => resolveSettings({ encoder: 'hash' })).toThrow(
      'the settings: pairs: is missing; expected folder of prompt–checkpoint pairs',
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
    ['that is a list', [1], 'train.json: is not valid; expected a JSON object of settings, got [1]'],
    ['with an unknown key', { stepps: 3 }, 'train.json: there is no setting "stepps"; did you mean steps?'],
    ['with a wrong value', { steps: 0 }, 'train.json: steps: is not valid; expected a whole number from 1, got 0'],
    ['with a wrong place', { out: 3 }, 'train.json: out: is not valid; expected a path, got 3'],
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

describe('a resumed run', () => {
  const run = resolveSettings(NEEDED);

  test('may have other settings only where they decide nothing', () => {
    expect(changedSettings(run, { threads: 3, keepCheckpoints: 1 }, 'run')).toEqual({
      ...run,
      threads: 3,
      keepCheckpoints: 1,
    });
    expect(() => changedSettings(run, { batch: 3, beta1: 0.5, threads: 3 }, 'run')).toThrow(
      'batch is 8, not 3; beta1 is 0.9, not 0.5; omit them',
    );
    expect(() => changedSettings(run, { steps: 10 }, 'run')).toThrow('steps is 2500, not 10');
    expect(changedSettings({ ...run, schedule: 'constant' }, { steps: 10 }, 'run').steps).toBe(10);
  });

  test('is known by the settings that decide', () => {
    expect(settingsDigest({ ...run, threads: 7, pairs: '/elsewhere' })).toBe(settingsDigest(run));
    expect(settingsDigest({ ...run, seed: 7 })).not.toBe(settingsDigest(run));
  });

  test("is known by the digest that it had before there was a choice of losses, while its loss is 'tokens'", () => {
    // Both printed by the code of commit 4057ff4, for these settings.
    expect(settingsDigest(run)).toBe('a0f5616cdc5f4b83aacc2dd14404ef892442f049c46ed4ef4a1fa96cd3adc884');
    const residual = resolveSettings({
      ...{ ...NEEDED, normalisation: 'residual', steps: 7, seed: 3, kernelSize: 3, form: 'mix' },
      features: [
        [4, 8, 16],
        [5, 6, 7],
      ],
    });
    const digest = '67b611f4801ab5c44dc1a42074742a2d2d467786a99743c2c9a01a6df3dfd464';
    expect(settingsDigest(residual)).toBe(digest);
    expect(settingsDigest({ ...residual, behaviourWeight: 3, sequences: 9 })).toBe(digest);
    expect(settingsDigest({ ...residual, loss: 'both', tokenSteps: 3 })).not.toBe(
      settingsDigest({ ...residual, loss: 'both' }),
    );
    expect(settingsDigest({ ...residual, loss: 'behaviour' })).not.toBe(digest);
    expect(settingsDigest({ ...residual, loss: 'both', sequences: 9 })).not.toBe(
      settingsDigest({ ...residual, loss: 'both' }),
    );
  });

  test('is known by the digest that it had before there was a choice of behaviour targets', () => {
    const behaviour = resolveSettings({ ...NEEDED, base: '/b', loss: 'behaviour', steps: 7 });
    // Printed by the code of commit 4989c311, for these settings.
    expect(settingsDigest(behaviour)).toBe('4383453bd94f41532d21b7b8daaf12bd35efbf5dc3017507917de731a333ac0c');
    expect(settingsDigest({ ...behaviour, behaviourTarget: 'checkpoints' })).not.toBe(settingsDigest(behaviour));
  });
});
