import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TYPESCRIPT } from '../engine/child.js';
import { SLOW_SETTINGS } from '../generator/tiny.js';
import { useWorkshop } from './workshop.js';

const MAIN = join(__dirname, '../../src/cli/main.ts');

jest.setTimeout(30_000);

const { at, generateArguments, init, promptFile } = useWorkshop();

function start(argv: readonly (string | number)[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [...TYPESCRIPT, MAIN, ...argv.map(String)]);
}

async function outcome(child: ChildProcessWithoutNullStreams) {
  const texts = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    texts.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
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

test.each(['SIGINT', 'SIGTERM'] as const)(
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
    expect(stderr).toMatch(/error: interrupted; nothing was left behind\n$/);
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

test('a reader that leaves early is no failure', async () => {
  await init();
  const child = start(['inspect', at('generator')]);
  child.stdout.destroy();
  expect((await outcome(child)).code).toBe(0);
});
