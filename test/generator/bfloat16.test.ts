import { cpuInfo } from '../../src/engine/index.js';
import { resultOf } from '../engine/child.js';
import { createTiny, PROMPTS, SLOW_SETTINGS } from './tiny.js';

jest.setTimeout(300_000); // the machine may be slow and shared

/** Where a machine lacks it, the tests below are skipped under this name. */
const withBfloat16 = cpuInfo().bfloat16 ? describe : describe.skip;

async function generated(settings: Parameters<typeof createTiny>[0]) {
  const generator = await createTiny({ ...SLOW_SETTINGS, device: 'cpu', seed: 4, ...settings });
  try {
    return await generator.generate(PROMPTS, { seed: 1 });
  } finally {
    generator.dispose();
  }
}

function elementsOf({ tensors }: Awaited<ReturnType<typeof generated>>): number[] {
  return [...tensors.values()].flatMap(({ data }) => [...data]);
}

withBfloat16('a generator in bf16, on a CPU with AVX512-BF16', () => {
  test('gives adapters near those of fp32, the same for any number of threads, and says so', async () => {
    const [exact, rounded] = [
      await generated({ precision: 'fp32' }),
      await generated({ precision: 'bf16', threads: 2 }),
    ];
    expect([exact, rounded].map(({ report }) => report.device.precision)).toEqual(['fp32', 'bf16']);
    const [expected, found] = [elementsOf(exact), elementsOf(rounded)];
    const norm = (of: (i: number) => number) => Math.sqrt(expected.reduce((sum, _, i) => sum + of(i) ** 2, 0));
    const error = norm((i) => found[i]! - expected[i]!) / norm((i) => expected[i]!);
    expect(error).toBeLessThan(2e-2);
    expect(error).toBeGreaterThan(1e-4); // else nothing was rounded
    for (const threads of [1, 3]) expect(elementsOf(await generated({ precision: 'bf16', threads }))).toEqual(found);
    expect(elementsOf(await generated({}))).toEqual(expected);
  });
});

test('bf16 is refused by name beside another instruction set', async () => {
  const failure = await resultOf('generator-precision', { environment: { DND_CPU_ISA: 'baseline' } });
  expect(failure).toEqual({
    name: 'DndError',
    code: 'DEVICE_UNAVAILABLE',
    message: expect.stringMatching(/avx512bf16.*baseline.*fp32/),
  });
});
