import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { TYPESCRIPT } from '../engine/child.js';
import { TINY_TOKENS } from '../generator/tiny.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { checkpointBytes, metricsOf, TINY_PAIRS } from '../training/run-workshop.js';
import { writePairs } from '../training/workshop.js';
import { onTerminalThatGoes } from './terminal.js';

const MAIN = join(__dirname, '../../src/cli/main.ts');
const STEPS = 120;
/** What the bar shows in the first three quarters. */
const SOME_STEPS = /\b[1-8]?\d\/120/;

jest.setTimeout(240_000);

const temporary = useTemporaryFolder();
const at = (...names: string[]) => join(temporary(), ...names);
/** Pairs, and a run that was never stopped. */
let common = '';

beforeAll(async () => {
  common = await mkdtemp(join(tmpdir(), 'dnd-train-'));
  await writePairs(join(common, 'pairs'), TINY_PAIRS);
  expect((await outcome(startTraining(join(common, 'whole')))).code).toBe(0);
});

afterAll(() => rm(common, { recursive: true, force: true }));

function start(argv: readonly (string | number)[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [...TYPESCRIPT, MAIN, ...argv.map(String)]);
}

function startTraining(run: string, ...more: string[]): ChildProcessWithoutNullStreams {
  return start([...training(run), ...more]);
}

function training(run: string): (string | number)[] {
  if (existsSync(join(run, 'run.json'))) return ['train', '--resume', run];
  const features = JSON.stringify([[8, 16, 24], [16, 12, 24], TINY_TOKENS]);
  const decoder = ['--features', features, '--kernel-size', 5, '--learning-rate', 1e-3];
  const often = ['--steps', STEPS, '--batch', 4, '--evaluate-every', 20, '--checkpoint-every', 7];
  return ['train', '--pairs', join(common, 'pairs'), '--encoder', 'hash', ...decoder, ...often, '--out', run];
}

async function outcome(child: ChildProcessWithoutNullStreams): Promise<{ code: number | null; stderr: string }> {
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdout.resume();
  const [code] = await once(child, 'close');
  return { code, stderr };
}

async function expectSame(run: string): Promise<void> {
  const whole = join(common, 'whole');
  const last = (folder: string) => join(folder, 'checkpoints', `step-${String(STEPS).padStart(6, '0')}`);
  expect(await checkpointBytes(last(run))).toEqual(await checkpointBytes(last(whole)));
  expect(await metricsOf(run)).toEqual(await metricsOf(whole));
}

/** Sends a signal when standard error says `text` for the `nth` time. */
function signalAt(child: ChildProcessWithoutNullStreams, text: string, nth: number, name: NodeJS.Signals): void {
  let told = '';
  let sent = false;
  child.stderr.on('data', (chunk) => {
    told += chunk;
    if (sent || told.split(text).length <= nth) return;
    // A second signal would not wait for the checkpoint.
    sent = child.kill(name);
  });
}

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 143],
] as const)('%s saves a checkpoint, says how to go on and ends with %i', async (name, exitCode) => {
  const child = startTraining(at('run'));
  signalAt(child, '\nstep ', 10, name);
  const { code, stderr } = await outcome(child);
  expect(code).toBe(exitCode);
  const [, step] = /\ninterrupted after (\d+) steps; resume with: dnd train --resume /.exec(stderr) ?? [];
  expect(await readdir(at('run', 'checkpoints'))).toContain(`step-${String(step).padStart(6, '0')}`);
  expect((await readdir(at('run'))).sort()).toEqual(['cache', 'checkpoints', 'latest', 'metrics.jsonl', 'run.json']);
  expect((await outcome(startTraining(at('run')))).code).toBe(0);
  await expectSame(at('run'));
});

test('a reader of standard output that ends interrupts it: a checkpoint is saved, and it fails', async () => {
  const child = startTraining(at('run'), '--json');
  const ending = outcome(child);
  child.stdout.on('data', (chunk) => {
    if (String(chunk).includes('{"step":')) child.stdout.destroy();
  });
  const { code, stderr } = await ending;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^error: standard output cannot be written: its reader has ended\ninterrupted after \d+ steps; resume with: /,
  );
  const [, step] = /interrupted after (\d+) steps/.exec(stderr) ?? [];
  expect(await readdir(at('run', 'checkpoints'))).toContain(`step-${String(step).padStart(6, '0')}`);
  expect((await outcome(startTraining(at('run')))).code).toBe(0);
  await expectSame(at('run'));
});

test('a reader of standard error that ends changes nothing', async () => {
  const child = startTraining(at('run'));
  child.stderr.once('data', () => child.stderr.destroy());
  expect((await outcome(child)).code).toBe(0);
  await expectSame(at('run'));
});

const onLinux = process.platform === 'linux' ? describe : describe.skip;

onLinux('a terminal that goes away (on Linux: util-linux makes the terminal)', () => {
  const program = (run: string, ...more: string[]) =>
    [process.execPath, ...TYPESCRIPT, MAIN, ...training(run), ...more].map(String);

  test('counts as SIGTERM', async () => {
    const { code } = await onTerminalThatGoes(program(at('run')), SOME_STEPS, true);
    expect(code).toBe(143);
    expect((await outcome(startTraining(at('run')))).code).toBe(0);
    await expectSame(at('run'));
  });

  test("is not missed where it is another session's, until there is a result to print", async () => {
    const { code } = await onTerminalThatGoes(program(at('run')), SOME_STEPS, false);
    expect(code).toBe(1);
    await expectSame(at('run'));
  });

  test('is standard output that cannot be written, with --json', async () => {
    const { code } = await onTerminalThatGoes(program(at('run'), '--json'), /\{"step":/, false);
    expect(code).toBe(1);
    expect((await outcome(startTraining(at('run')))).code).toBe(0);
    await expectSame(at('run'));
  });
});

test('kill -9 at any moment costs nothing but the time since the last checkpoint', async () => {
  const random = SplitMix64.seeded(11);
  const moments = [
    'reading the pairs',
    'loading',
    'initialising',
    'encoding',
    'evaluation after',
    'checkpoint ',
    '\nstep ',
  ];
  for (const moment of moments) {
    const child = startTraining(at('run'));
    signalAt(child, moment, 1 + random.below(3), 'SIGKILL');
    await outcome(child);
  }
  expect((await outcome(startTraining(at('run')))).code).toBe(0);
  await expectSame(at('run'));
});
