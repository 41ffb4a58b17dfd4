import { type ChildProcess, type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TYPESCRIPT } from '../engine/child.js';
import { SLOW_SETTINGS } from '../generator/tiny.js';
import { mountSmallDisk } from '../small-disk.js';
import { useWorkshop } from './workshop.js';

const MAIN = join(__dirname, '../../src/cli/main.ts');

jest.setTimeout(30_000);

const { at, generateArguments, init, promptFile } = useWorkshop();

/** Streams go through pipes, or into files that are named. */
function start(argv: readonly (string | number)[]): ChildProcessWithoutNullStreams;
function start(argv: readonly (string | number)[], files: { stdout?: string; stderr?: string }): ChildProcess;
function start(argv: readonly (string | number)[], files: { stdout?: string; stderr?: string } = {}): ChildProcess {
  const [stdout, stderr] = [files.stdout, files.stderr].map((path) =>
    path === undefined ? 'pipe' : openSync(path, 'w'),
  );
  const child = spawn(process.execPath, [...TYPESCRIPT, MAIN, ...argv.map(String)], {
    stdio: ['pipe', stdout, stderr],
  });
  for (const each of [stdout, stderr]) if (typeof each === 'number') closeSync(each);
  return child;
}

async function outcome(child: ChildProcess) {
  const texts = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    texts.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    texts.stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, ...texts };
}

test('dnd makes an adapter of what is piped into it', async () => {
  await init();
  const child = start(generateArguments(['-'], '--json'));
  child.stdin.end('["a prompt"]');
  const { code, stdout, stderr } = await outcome(child);
  expect([code, stderr]).toEqual([0, '']);
  expect(JSON.parse(stdout)).toMatchObject([{ adapter: at('adapter'), report: { prompts: { given: 1 } } }]);
});

test('wrong usage ends the process with exit code 2', async () => {
  expect(await outcome(start(['generate']))).toMatchObject({ code: 2, stdout: '' });
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s amid the work ends it with exit code 130 and leaves nothing behind',
  async (name) => {
    await init('--features', JSON.stringify(SLOW_SETTINGS.features), '--kernel-size', SLOW_SETTINGS.kernelSize);
    const file = await promptFile('p.txt', 'a prompt');
    const before = (await readdir(at(), { recursive: true })).sort();
    // Many sets, so that the work is not over before the signal comes.
    const copies = await Promise.all(Array.from({ length: 40 }, (_, index) => promptFile(`p${index}.txt`, 'a prompt')));
    const child = start(generateArguments([file, ...copies]));
    const ending = outcome(child);
    child.stderr.on('data', (chunk) => {
      if (String(chunk).includes('decoding')) child.kill(name);
    });
    const { code, stdout, stderr } = await ending;
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
    expect(stderr).toMatch(/error: interrupted; no output was written\n$/);
    const after = (await readdir(at(), { recursive: true })).filter((path) => !copies.includes(at(path)));
    expect(after.sort()).toEqual(before);
  },
);

test('Ctrl-C ends the wait for prompts that are typed', async () => {
  await init();
  const child = start(generateArguments(['-']));
  const ending = outcome(child);
  // So much is accepted by the pipe only once the program is there to read.
  await new Promise<void>((written) => child.stdin.write('half a prom'.repeat(500_000), () => written()));
  child.kill('SIGINT');
  expect(await ending).toMatchObject({ code: 130, stdout: '' });
  expect((await readdir(at())).sort()).toEqual(['base', 'generator']);
});

test('Ctrl-C ends the wait for prompts of a named pipe', async () => {
  await init();
  execFileSync('mkfifo', [at('pipe')]);
  const child = start(generateArguments([at('pipe')]));
  const ending = outcome(child);
  // Opens only once the program has it open, too.
  const writer = await open(at('pipe'), 'w');
  child.kill('SIGINT');
  expect(await ending).toMatchObject({ code: 130, stdout: '' });
  await writer.close();
  expect((await readdir(at())).sort()).toEqual(['base', 'generator', 'pipe']);
});

describe('standard output that cannot be written is a failure, reported in one line', () => {
  test.each([
    ['the help', () => ['--help']],
    ['inspect', () => ['inspect', at('generator')]],
    ['inspect --json', () => ['inspect', at('generator'), '--json']],
    ['doctor', () => ['doctor']],
    ['a failing command with --json', () => ['inspect', at('nothing'), '--json']],
  ])('of %s', async (_, argv) => {
    await init();
    const child = start(argv());
    child.stdout.destroy();
    const { code, stderr } = await outcome(child);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*\n$/);
  });

  test('of work that has only just started, which then leaves nothing behind', async () => {
    await init();
    const file = await promptFile('p.txt', 'a prompt');
    const { code, stderr } = await outcome(start(generateArguments([file]), { stdout: '/dev/full' }));
    expect(code).toBe(1);
    expect(stderr).toMatch(/\nerror: standard output cannot be written: the disk is full; .*\n$/);
  });

  const small = mountSmallDisk('size=4k');
  afterAll(() => small.unmount());
  (small.mounted ? test : test.skip)(
    'of a disk with space for a part of it only (skipped where tmpfs cannot be mounted)',
    async () => {
      await init();
      const stdout = join(small.folder, 'output');
      const { code, stderr } = await outcome(start(['inspect', at('generator'), '--json'], { stdout }));
      expect((await stat(stdout)).size).toBe(4096);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: standard output .* the disk is full; .*\n$/)]);
    },
  );
});

test.each(['a reader that ends', 'a full disk'])('nobody misses what standard error cannot take: %s', async (what) => {
  await init();
  const file = await promptFile('p.txt', 'a prompt');
  const child = start(generateArguments([file]), what === 'a full disk' ? { stderr: '/dev/full' } : {});
  child.stderr?.destroy();
  expect(await outcome(child)).toMatchObject({ code: 0, stdout: expect.stringContaining(at('adapter')) });
});
