import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeEmulated, EMULATED_DEVICE, emulated } from '../emulated-cuda.js';
import { type ChildResult, runProgram } from '../engine/child.js';
import { useTemporaryFolder } from '../temporary-folder.js';

jest.setTimeout(600_000); // a device of one thread

const temporary = useTemporaryFolder();

/** Runs test/generator/programs/<name>.ts; what it prints, and what the emulated machine had to say at the end. */
async function resultOf<T>(name: string, settings: object = {}, environment: Record<string, string> = {}) {
  const report = join(temporary(), 'report.json');
  const outcome: ChildResult = await runProgram(`../../generator/programs/${name}`, {
    environment: emulated({
      DND_TEST_SETTINGS: JSON.stringify(settings),
      DND_EMULATOR_REPORT: report,
      ...environment,
    }),
  });
  if (outcome.code !== 0) throw new Error(`${name} ended with ${outcome.code}:\n${outcome.stdout}\n${outcome.stderr}`);
  const machine = JSON.parse(readFileSync(report, 'utf8').trim().split('\n').at(-1)!) as Machine;
  return { result: JSON.parse(outcome.stdout) as T, machine };
}

interface Machine {
  launches: number;
  liveBytes: number;
  liveHostBytes: number;
  liveObjects: number;
  failure: string;
}

const NOTHING_LEFT = { liveBytes: 0, liveHostBytes: 0, liveObjects: 0, failure: '' };

interface Generated {
  device: { name: string; kind: string; precision: string; fallback: string | null };
  batch: number[];
  digests: string[];
  error: number;
  errorTogether: number;
  fractions: number[];
}

describeEmulated('a generator on an emulated CUDA device', () => {
  test.each([
    ['cuda', { device: 'cuda' }, 'mixed', 2e-2],
    ['auto, which is the default', {}, 'mixed', 2e-2],
    ['cuda with long prompts', { device: 'cuda', maxLength: 20 }, 'mixed', 2e-2],
    ['cuda in fp32', { device: 'cuda', precision: 'fp32', maxLength: 20 }, 'fp32', 1e-5],
  ])(
    'by %s: one at a time, several at once and several together, as the CPU does',
    async (_what, settings, precision, tolerance) => {
      const { result, machine } = await resultOf<Generated>('cuda-generate', settings);
      expect(result.device).toEqual({ name: EMULATED_DEVICE, kind: 'cuda', precision, fallback: null });
      expect(new Set(result.digests).size).toBe(1);
      expect(result.error).toBeLessThanOrEqual(tolerance);
      expect(result.errorTogether).toBeLessThanOrEqual(tolerance);
      expect(result.batch).toEqual([3, 3, 3]);
      expect(result.fractions).toEqual([...result.fractions].sort((one, other) => one - other));
      expect(result.fractions.at(-1)).toBe(1);
      expect(machine).toMatchObject(NOTHING_LEFT);
      expect(machine.launches).toBeGreaterThan(20);
    },
  );

  test('stops when it is aborted, before a pass and within one, and continues as if nothing had happened', async () => {
    const { result, machine } = await resultOf('cuda-cancelled');
    expect(result).toEqual({ outcomes: ['enough', 'enough'], same: true, disposed: 'DISPOSED' });
    expect(machine).toMatchObject(NOTHING_LEFT);
  });

  test('lets every runtime call fail once: a clear error each time, nothing is left behind, the next one works', async () => {
    const { result, machine } = await resultOf<{ failed: number; unexpected: string[]; digests: number }>(
      'cuda-failures',
    );
    expect(result.unexpected).toEqual([]);
    expect(result.failed).toBeGreaterThan(100);
    expect(result.digests).toBe(1);
    expect(machine).toMatchObject(NOTHING_LEFT);
  });

  describe('without enough memory', () => {
    const little = { DND_EMULATOR_MEMORY_LIMIT: '100000' };

    test('auto uses the CPU and says why', async () => {
      const { result, machine } = await resultOf<Generated>('cuda-generate', {}, little);
      expect(result.device).toMatchObject({ kind: 'cpu', precision: 'fp32' });
      expect(result.device.fallback).toMatch(/^NVIDIA A100-SXM4-80GB \(emulated\): .*needs .*bytes.* available/s);
      expect(result.error).toBe(0);
      expect(machine).toMatchObject(NOTHING_LEFT);
    });

    test('cuda fails, with the need and what is free', async () => {
      await expect(resultOf('cuda-generate', { device: 'cuda' }, little)).rejects.toThrow(
        /OUT_OF_MEMORY|needs .*bytes.* free/s,
      );
    });

    test('nor has a memory limit', async () => {
      await expect(resultOf('cuda-generate', { device: 'cuda', memoryLimitBytes: 100_000 })).rejects.toThrow(
        /needs .* of device memory/,
      );
    });
  });
});
