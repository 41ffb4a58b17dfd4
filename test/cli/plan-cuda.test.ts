import { CUDA_DEVICE_MODELS } from '../../src/engine/index.js';
import { PRESET_NAMES } from '../../src/generator/presets.js';
import type { CudaGeneratorPlan } from '../../src/plan/cuda.js';
import { dnd, dndJson } from './run-cli.js';

const PRESET = ['plan', '--preset', 'qwen2.5-0.5b-common-sense', '--device', 'h200'];

async function planOf(argv: readonly (string | number)[]): Promise<CudaGeneratorPlan> {
  const { code, result, stderr } = await dndJson<CudaGeneratorPlan>(argv);
  expect([code, stderr]).toEqual([0, '']);
  return result;
}

test('--device: a row for each convolution, times and device memory, and that nothing was measured', async () => {
  const { code, stdout, stderr } = await dnd(PRESET);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^planned for +batch 1, h200, precision mixed, algorithm auto, 140 GB of memory$/m);
  expect(stdout).toMatch(
    /^convolution +channels +plane +algorithm +points +tiles +product +GFLOP +direct +resident as +held +workspace +modelled µs$/m,
  );
  expect(stdout.match(/^\d\.linear/gm)).toHaveLength(5 * 8);
  expect(stdout).toMatch(/^0\.linear1\.conv1w +384 → 300 +384 × 128 +spectral +\d+\*? × \d+\*? .* spectra +\d/m);
  expect(stdout).toMatch(/^40 convolutions: modelled [\d.]+ ms on h200 \(scale .*\); [\d.]+ GFLOP instead of 7,310/m);
  expect(stdout).toMatch(/^device memory [\d.]+ GB: weights [\d.]+ GB, activations /m);
  expect(stdout).toContain('nothing has been measured on such a device');
});

test('--json has all that the table shows', async () => {
  const { convolutions, totals, ...rest } = await planOf([...PRESET, '--batch', 8, '--precision', 'fp32']);
  expect(rest).toMatchObject({
    generator: null,
    preset: 'qwen2.5-0.5b-common-sense',
    device: 'h200',
    batch: 8,
    precision: 'fp32',
    algorithm: 'auto',
    workspaceBytes: 2 ** 30,
  });
  expect(convolutions).toHaveLength(40);
  expect(totals.predictedSeconds).toBeGreaterThan(0);
  expect(totals.bytes.device).toBeLessThanOrEqual(rest.memoryBytes);
});

test.each(CUDA_DEVICE_MODELS)('every published configuration can be planned for on %s', async (device) => {
  for (const preset of PRESET_NAMES) {
    const { totals } = await planOf(['plan', '--preset', preset, '--device', device]);
    expect(totals.executedFlop).toBeLessThan(totals.directFlop / 8);
  }
});

test('--memory makes spectra that do not fit each time, and says so', async () => {
  const plan = await planOf([...PRESET, '--memory', '6GB']);
  expect(plan.memoryBytes).toBe(6e9);
  expect(plan.totals.bytes.device).toBeLessThanOrEqual(6e9);
  expect(plan.convolutions.some(({ spectraHeld }) => !spectraHeld)).toBe(true);
  const { stdout } = await dnd([...PRESET, '--memory', '6GB']);
  expect(stdout).toMatch(/ taps +[\d.]+ MB/);
});

test('memory that the weights do not fit into is too little', async () => {
  expect(await dndJson([...PRESET, '--memory', '1GB'])).toMatchObject({
    code: 1,
    result: { error: { code: 'OUT_OF_MEMORY', message: expect.stringContaining('bytes of device memory') } },
  });
});

test('--why lists the parts of each time and what was not chosen', async () => {
  expect((await dnd(PRESET)).stdout).not.toContain('  not direct');
  expect((await dnd([...PRESET, '--why'])).stdout).toMatch(
    /^0\.linear1\.conv1w is spectral, [\d.]+ µs: scale [\d.]+, forward [\d.]+, product [\d.]+, inverse [\d.]+\n {2}not direct: predicted /m,
  );
});

test('--algorithm direct is shown without tiles', async () => {
  const { stdout } = await dnd([...PRESET, '--algorithm', 'direct']);
  expect(stdout).toMatch(/^0\.linear2 .* direct +- +- +- .* taps /m);
});

test.each([
  ['an unknown device', ['plan', '--preset', 'qwen2.5-7b-math', '--device', 'h2000']],
  ['a device and an instruction set', [...PRESET, '--isa', 'avx2']],
  ['a device and threads', [...PRESET, '--threads', '2']],
  ['a device that is to be measured', [...PRESET, '--measure']],
  ['an unknown precision', [...PRESET, '--precision', 'int8']],
  ['a precision without a device', ['plan', '--preset', 'qwen2.5-7b-math', '--precision', 'fp32']],
  ['memory without a device', ['plan', '--preset', 'qwen2.5-7b-math', '--memory', '4GB']],
])('%s is wrong usage', async (_what, argv) => {
  const { code, stdout, stderr } = await dnd(argv);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).not.toBe('');
});
