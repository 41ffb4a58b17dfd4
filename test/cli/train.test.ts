import { cp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunPlan } from '../../src/training/plan-run.js';
import { writeModel } from '../encoder/models.js';
import { TINY_TOKENS } from '../generator/tiny.js';
import { checkpointBytes, metricsOf, TINY_PAIRS } from '../training/run-workshop.js';
import { checkpointPath, writePairs } from '../training/workshop.js';
import { dnd, dndJson } from './run-cli.js';
import { useWorkshop } from './workshop.js';

jest.setTimeout(60_000);

const { at } = useWorkshop();
const FEATURES = JSON.stringify([[4, 8, 16], [6, 6, 12], TINY_TOKENS]);
const DECODER = ['--features', FEATURES, '--kernel-size', 3];
const train = (...more: (string | number)[]) => [
  'train',
  '--pairs',
  at('pairs'),
  '--encoder',
  'hash',
  ...DECODER,
  ...more,
];
const SHORT = ['--steps', 6, '--batch', 4, '--learning-rate', 1e-3, '--evaluate-every', 3, '--checkpoint-every', 2];

beforeEach(() => writePairs(at('pairs'), TINY_PAIRS));

describe('dnd train', () => {
  test('trains, prints progress, and what to do with the result', async () => {
    const { code, stdout, stderr } = await dnd(train(...SHORT, '--out', at('run')));
    expect(code).toBe(0);
    expect(stdout).toContain(join(at('run'), 'checkpoints', 'step-000006'));
    expect(stdout).toContain(`dnd report ${at('run')}`);
    expect(stderr).toMatch(/^reading the pairs …\nloading …\n/);
    expect(stderr).toMatch(/\nstep 1\/6 {2}loss 0\.\d+ {2}norm ratio 0\.\d+ {2}gradient \S+ {2}rate 0\.001 .* left\n/);
    expect(stderr).toContain('evaluation after 3 steps: plants (held out, 4) loss');
    expect(stderr).toContain('evaluation after 6 steps: animals (held-out checkpoints, 1) loss');
    expect(stderr).toContain(`checkpoint ${join(at('run'), 'checkpoints', 'step-000004')}\n`);
    const generate = [
      'generate',
      '--generator',
      at('run', 'latest'),
      '--prompts',
      at('pairs', 'plants', 'prompts.json'),
    ];
    const generated = await dnd([...generate, '--out', at('adapter')]);
    expect([generated.code, generated.stdout.includes('untrained')]).toEqual([0, false]);
    expect((await dnd(['report', at('run')])).code).toBe(0);
    expect((await dnd(['inspect', at('run', 'latest')])).stdout).toContain(
      '6 steps on animals, numbers (condition: prompt); held out: plants',
    );
  });

  test('prints a JSON line for each step, evaluation and checkpoint, and nothing else', async () => {
    const { code, stdout, stderr } = await dnd(train(...SHORT, '--out', at('run'), '--json'));
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(
      lines.map(({ step, evaluation, checkpoint, done }) => done ?? step ?? evaluation ?? checkpoint.slice(-4)),
    ).toEqual([0, 1, 2, '0002', 3, 3, 4, '0004', 5, 6, 6, '0006', true]);
    expect(lines.at(-1)).toMatchObject({ run: at('run'), step: 6, generator: expect.stringContaining('step-000006') });
  });

  test('shows a bar on a terminal, with the figures of the step, and takes it away', async () => {
    const { stderr } = await dnd(train(...SHORT, '--out', at('run')), { terminal: true });
    expect(stderr).toMatch(/6\/6 {2}loss 0\.\d+ {2}norm ratio/);
    expect(stderr).toMatch(/steps\/s {2}\d+ s left/);
    expect(stderr).not.toContain('reading the pairs …\n');
  });

  test('takes a configuration file; flags come first', async () => {
    const config = {
      pairs: 'pairs',
      encoder: 'hash',
      features: JSON.parse(FEATURES),
      kernelSize: 3,
      steps: 3,
      batch: 2,
    };
    const rest = { out: 'from-file', evaluateEvery: 0, tokenImportance: false, memoryLimit: '2GB' };
    await writeFile(at('train.json'), JSON.stringify({ ...config, ...rest }));
    expect((await dnd(['train', '--config', at('train.json'), '--steps', 2])).code).toBe(0);
    const { settings } = JSON.parse(await readFile(at('from-file', 'run.json'), 'utf8'));
    expect(settings).toMatchObject({ steps: 2, batch: 2, evaluateEvery: 0, tokenImportance: false, memoryLimit: 2e9 });
    expect(await metricsOf(at('from-file'))).toHaveLength(2);
    expect((await dnd(['train', '--config', at('train.json'), '--out', at('elsewhere')])).code).toBe(0);
    expect(await metricsOf(at('elsewhere'))).toHaveLength(3);
  });

  test('with --resume continues as if it had never stopped', async () => {
    await dnd(train(...SHORT, '--out', at('whole')));
    const controller = new AbortController();
    const stopped = dnd(train(...SHORT, '--out', at('run')), { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 0);
    expect((await stopped).code).toBe(130);
    const begun = await readdir(at('run')).catch(() => []);
    // Stopped before run.json is written, nothing is left to resume.
    if (begun.length === 0) await dnd(train(...SHORT, '--out', at('run')));
    const { code, stdout } = await dnd(['train', '--resume', at('run')]);
    expect(code).toBe(0);
    expect(stdout).toContain('steps');
    const newest = (run: string) => join(at(run), 'checkpoints', 'step-000006');
    expect(await checkpointBytes(newest('run'))).toEqual(await checkpointBytes(newest('whole')));
  });

  test('keeps the text encoder in the run: checkpoints are whole generators, and the original may go', async () => {
    await writeModel(at('bert'));
    const channels = JSON.parse(await readFile(at('bert', 'config.json'), 'utf8')).hidden_size;
    const features = JSON.stringify([[4, 8, channels], [6, 6, 12], TINY_TOKENS]);
    const argv = ['train', '--pairs', at('pairs'), '--encoder', at('bert'), '--features', features, '--kernel-size', 3];
    expect(await dnd([...argv, ...SHORT, '--steps', 3, '--out', at('run')])).toMatchObject({ code: 0 });
    await rm(at('bert'), { recursive: true });
    const generator = join(at('run'), 'checkpoints', 'step-000002');
    const prompts = at('pairs', 'plants', 'prompts.json');
    const generated = await dnd(['generate', '--generator', generator, '--prompts', prompts, '--out', at('adapter')]);
    expect(generated).toMatchObject({ code: 0 });
    expect((await dnd(['train', '--resume', at('run')])).code).toBe(0);
    await rm(join(at('run'), 'encoder', 'model.safetensors'));
    await cp(join(generator, 'encoder', 'model.safetensors'), join(at('run'), 'encoder', 'model.safetensors'));
    expect((await dnd(['train', '--resume', at('run')])).code).toBe(0);
  });
});

describe('dnd train --dry-run', () => {
  test('prints parameters, memory, work and time, and writes nothing', async () => {
    const before = (await readdir(at(), { recursive: true })).sort();
    const { code, stdout } = await dnd(train('--dry-run', '--moments', '8bit'));
    expect(code).toBe(0);
    for (const sentence of [
      '2 tasks to train on, with 9 checkpoints; 1 held out',
      '21,836 parameters, 34 weight tokens of 4×66',
      '8, micro-batch 8',
      'optimiser (8bit)',
      'TFLOP per step',
      'for 2,500 steps',
    ])
      expect(stdout).toContain(sentence);
    expect((await readdir(at(), { recursive: true })).sort()).toEqual(before);
  });

  test('in JSON has them by part', async () => {
    const { code, result, stderr } = await dndJson<RunPlan>(train('--dry-run', '--batch', 3, '--micro-batch', 2));
    expect([code, stderr]).toEqual([0, '']);
    expect(result.memory).toMatchObject({ parameters: expect.any(Number), gradients: expect.any(Number) });
    expect(result.memory!.stepBytes).toBeGreaterThan(result.memory!.parameters + result.memory!.states);
    expect(result.run.settings).toMatchObject({ batch: 3, microBatch: 2 });
    const whole = await dndJson<RunPlan>(train('--dry-run', '--batch', 3));
    expect(result.directFlop).toBeCloseTo(whole.result.directFlop, -3);
    expect(result.seconds).toBeCloseTo(2500 * result.secondsPerStep, 9);
  });

  test('says what is too much for a memory limit', async () => {
    const { code, stdout } = await dnd(train('--dry-run', '--memory-limit', '200kB'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/memory .* needs .* memoryLimitBytes leaves/);
  });
});

describe('dnd train refuses', () => {
  async function refused(argv: (string | number)[], code: string, exitCode = 1): Promise<string> {
    const before = (await readdir(at(), { recursive: true })).sort();
    const { code: exit, stdout } = await dnd([...argv, '--json']);
    const { error } = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    expect({ exit, code: error?.code }).toEqual({ exit: exitCode, code });
    expect((await readdir(at(), { recursive: true })).sort()).toEqual(before);
    return error.message;
  }

  test('a configuration with a typo, naming the nearest setting', async () => {
    await writeFile(at('train.json'), '{"pairs": "pairs", "encoder": "hash", "lerningRate": 1}');
    const message = await refused(['train', '--config', at('train.json'), '--out', at('run')], 'INVALID_ARGUMENT', 2);
    expect(message).toContain('there is no setting "lerningRate"; did you mean learningRate?');
  });

  test.each<[string, (string | number)[], string]>([
    ['no place for the run', train(), '--out or --resume is required'],
    ['no pairs', ['train', '--encoder', 'hash', '--out', 'r'], 'pairs: is missing'],
    [
      'neither preset nor features',
      ['train', '--pairs', 'p', '--encoder', 'hash', '--out', 'r'],
      'give features and a kernel size',
    ],
  ])('%s', async (_what, argv, message) => {
    // `at` is of the test, so the pairs are named again.
    expect(await refused(argv, 'INVALID_ARGUMENT', 2)).toContain(message);
  });

  test.each([
    ['--learning-rate', '0'],
    ['--beta1', 'one'],
    ['--schedule', 'linear'],
    ['--memory-limit', '20 gigs'],
    ['--features', '[[1,2]]'],
    ['--device', 'tpu'],
    ['--resume', 'run'],
  ])('%s %s as wrong usage', async (flag, value) => {
    const { code, stderr } = await dnd(train('--out', at('run'), flag, value));
    expect(code).toBe(2);
    expect(stderr).toContain(flag);
  });

  test('a folder that is a run already, or holds something else', async () => {
    await dnd(train(...SHORT, '--steps', 1, '--out', at('run')));
    expect(await refused(train('--out', at('run')), 'OUTPUT_EXISTS')).toContain(`--resume ${at('run')}`);
    await refused(train('--out', at('base')), 'OUTPUT_EXISTS');
  });

  test('a decoder that does not fit the pairs, telling what would', async () => {
    const features = '[[4,8,16],[6,6,12],[10,4,66]]';
    const argv = ['train', '--pairs', at('pairs'), '--encoder', 'hash', '--features', features, '--kernel-size', 3];
    expect(await refused([...argv, '--out', at('run')], 'SHAPE_MISMATCH')).toContain('[34, 4, 66]');
  });

  test('another device than the CPU', async () => {
    await refused(train('--out', at('run'), '--device', 'cuda'), 'DEVICE_UNAVAILABLE');
  });
});

test('one corrupt checkpoint among many is named; --skip-corrupt continues without it and says so', async () => {
  const corrupt = checkpointPath(at('pairs'), 'numbers', 2);
  await truncate(corrupt, 500);
  const refused = await dnd(train(...SHORT, '--out', at('run')));
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('numbers/checkpoints/checkpoint-2');
  expect(refused.stderr).toContain('--skip-corrupt');
  const told = /note: skipped: .*numbers\/checkpoints\/checkpoint-2/;
  expect((await dnd(train('--dry-run', '--skip-corrupt'))).stderr).toMatch(told);
  const { code, stderr } = await dnd(train(...SHORT, '--out', at('run'), '--skip-corrupt'));
  expect(code).toBe(0);
  expect(stderr).toMatch(told);
  const { pairs } = JSON.parse(await readFile(at('run', 'run.json'), 'utf8'));
  expect([pairs.skipped, pairs.tasks[1].checkpoints]).toEqual([1, 3]);
  // Options given at the start still apply after resuming.
  expect((await dnd(['train', '--resume', at('run')])).code).toBe(0);
});

test('changed pairs are refused on resume, and taken with --allow-changed-pairs', async () => {
  await dnd(train(...SHORT, '--out', at('run')));
  await rm(join(checkpointPath(at('pairs'), 'numbers', 4), '..'), { recursive: true });
  const refused = await dnd(['train', '--resume', at('run')]);
  expect([refused.code, refused.stderr.includes('--allow-changed-pairs')]).toEqual([1, true]);
  expect((await dnd(['train', '--resume', at('run'), '--allow-changed-pairs'])).code).toBe(0);
});

test('a loss that is not finite stops it with the step and the task, and prints how to resume', async () => {
  const wild = ['--learning-rate', 1e30, '--schedule', 'constant', '--checkpoint-every', 1, '--evaluate-every', 0];
  const { code, stderr } = await dnd(train(...wild, '--steps', 5, '--out', at('run')));
  expect(code).toBe(1);
  expect(stderr).toMatch(/error: the loss became (NaN|Infinity) in step 2, over task/);
  expect(stderr).toContain(
    `resume from step 1 (${join(at('run'), 'checkpoints', 'step-000001')}) with: dnd train --resume`,
  );
});
