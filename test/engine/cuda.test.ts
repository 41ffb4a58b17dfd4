import { describeEmulated, emulated } from '../emulated-cuda.js';
import { resultOf } from './child.js';

jest.setTimeout(600_000); // a device of one thread

interface Outcome {
  error: number;
  adapterError: number;
  digest: string;
}

describeEmulated('a decoder on an emulated CUDA device', () => {
  let outcomes: Record<string, Outcome>;
  beforeAll(async () => {
    outcomes = await resultOf('cuda-decoder', { environment: emulated() });
  });

  test.each([
    ['auto mixed', 1e-3],
    ['direct mixed', 1e-3],
    ['spectral mixed', 1e-3],
    ['auto fp32', 1e-5],
    ['direct fp32', 1e-5],
    ['spectral fp32', 1e-5],
  ])('agrees with the CPU, %s, also after parameters were written', (name, tolerance) => {
    const { error, adapterError } = outcomes[name]!;
    expect(error).toBeLessThanOrEqual(tolerance);
    expect(adapterError).toBeLessThanOrEqual(tolerance);
    expect(error).toBeGreaterThan(0); // other roundings: it was not the CPU that worked
  });

  test('rounds spectra to halves, unless fp32 is requested', () => {
    expect(outcomes['spectral mixed']!.error).toBeGreaterThan(10 * outcomes['spectral fp32']!.error);
  });

  test('gives the same bytes whatever the order of blocks and threads', async () => {
    const environment = emulated({ DND_EMULATOR_SEED: '1234' });
    const other = await resultOf<Record<string, Outcome>>('cuda-decoder', { environment });
    expect(other).toEqual(outcomes);
  });

  test('works in less memory with the same result, and then says what it needs and what is free', async () => {
    const steps = await resultOf<{ limit: number; held?: number; digest?: string; code?: string; message?: string }[]>(
      'cuda-memory',
      { environment: emulated() },
    );
    const worked = steps.filter(({ digest }) => digest !== undefined);
    expect(worked.length).toBeGreaterThan(2);
    expect(new Set(worked.map(({ digest }) => digest)).size).toBe(1);
    for (const { limit, held } of worked) expect(held).toBeLessThanOrEqual(limit);
    // Fewer weights are resident meanwhile: the plan adapts.
    expect(worked.at(-1)!.held).toBeLessThan(worked[0]!.held!);
    expect(steps.at(-1)).toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringMatching(/needs .*\d+ bytes.*free/s),
    });
  });
});
