import { execFileSync } from 'node:child_process';
import { resultOf } from './child.js';

jest.setTimeout(60_000);

function hasPrlimit(): boolean {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' });
    return process.platform === 'linux';
  } catch {
    return false;
  }
}

test('more threads than CPUs are warned of once, and change no result', async () => {
  const found = await resultOf<{ usableCpus: number; warnings: unknown[] }>('too-many-threads');
  const { usableCpus } = found;
  expect(found).toEqual({
    usableCpus: expect.any(Number),
    warnedAfter: [0, 0, 1, 1],
    warnings: [
      {
        code: 'DND_THREADS',
        message: expect.stringContaining(`expected at most ${usableCpus}, got ${usableCpus + 1}`),
      },
    ],
    same: true,
  });
});

(hasPrlimit() ? test : test.skip)(
  'where the system gives no thread, the work fails by name, and works once there are threads again (skipped without prlimit)',
  async () => {
    expect(await resultOf('used-up-threads')).toEqual({
      failure: {
        name: 'DndError',
        code: 'OUT_OF_MEMORY',
        message: expect.stringMatching(/^the system gave no thread for the work.*ulimit -u/),
      },
      same: true,
    });
  },
);
