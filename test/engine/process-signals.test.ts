import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { TYPESCRIPT } from './child.js';

const PROGRAM = join(__dirname, 'programs', 'process-signals.ts');

jest.setTimeout(120_000);

/** Sends a signal at each line that the program prints, and more than that at the last. */
async function ending(mode: string, ...signals: NodeJS.Signals[][]) {
  const child = spawn(process.execPath, [...TYPESCRIPT, PROGRAM, mode]);
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
    for (const signal of signals.shift() ?? []) child.kill(signal);
  });
  const [code, signal] = await once(child, 'close');
  return { code, signal, lines: stdout.trimEnd().split('\n') };
}

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s aborts with its name, and the process goes on',
  async (name) => {
    expect(await ending('ends', [name])).toEqual({ code: 0, signal: null, lines: ['ready', `ABORTED ${name}`] });
  },
);

test.each([
  ['SIGINT', 'SIGINT'],
  ['SIGHUP', 'SIGTERM'],
  ['SIGTERM', 'SIGHUP'],
] as const)('after %s, %s ends the process', async (first, second) => {
  expect(await ending('goes on', [first], [second])).toEqual({
    code: null,
    signal: second,
    lines: ['ready', `ABORTED ${first}`],
  });
});

test.each([
  ['SIGINT', 'SIGTERM'],
  ['SIGHUP', 'SIGINT'],
] as const)('the second of %s and %s ends a process whose JavaScript thread is busy for ever', async (...signals) => {
  const { signal, lines } = await ending('blocked', [...signals]);
  // Which of them comes second is the system's choice.
  expect(signals).toContain(signal);
  expect(lines).toEqual(['ready']);
});

test('once released a signal does what it did before', async () => {
  expect(await ending('released', ['SIGTERM'])).toEqual({ code: null, signal: 'SIGTERM', lines: ['ready'] });
});
