import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Comparison, isSkipped } from '../../src/verify/checks.js';
import { tolerancesOn } from '../../src/verify/tolerances.js';
import type { FileVerdict, VerifyOptions } from '../../src/verify/verify.js';
import { describeEmulated, emulated } from '../emulated-cuda.js';
import { runProgram } from '../engine/child.js';

jest.setTimeout(600_000); // a device of one thread

const FIXTURES = join(__dirname, '../fixtures');
const filesOf = (folder: string, name: RegExp) =>
  readdirSync(join(FIXTURES, folder))
    .filter((file) => name.test(file))
    .map((file) => join(FIXTURES, folder, file));
const FILES = [
  ...filesOf('golden', /^decoder_.*\.safetensors$/),
  ...filesOf('encoder', /^encoder_.*\.safetensors$/),
  ...filesOf('layout', /\.safetensors$/),
];

test('what counts as right depends on the precision and on the layers of a decoder', () => {
  expect(tolerancesOn({ precision: 'fp32' }, 9)).toMatchObject({ decoderOutput: 1e-5, bertHiddenStates: 1e-5 });
  expect(tolerancesOn({ precision: 'mixed' }, 4)).toMatchObject({ decoderOutput: 1e-3, bertHiddenStates: 2e-3 });
  expect(tolerancesOn({ precision: 'mixed' }, 5)).toMatchObject({ decoderOutput: 2e-3, realEncoderHiddenStates: 2e-3 });
  expect(tolerancesOn({ precision: 'bf16' }, 4)).toMatchObject({ decoderOutput: 1e-2, causalLogits: 1e-2 });
  expect(tolerancesOn({ precision: 'bf16' }, 5)).toMatchObject({ decoderOutput: 2e-2, bertHiddenStates: 1e-2 });
});

describeEmulated('golden files on an emulated CUDA device', () => {
  async function verdicts(settings: VerifyOptions): Promise<FileVerdict[]> {
    const { code, stdout, stderr } = await runProgram('../../verify/programs/verify', {
      environment: emulated({ DND_TEST_FILES: FILES.join('\n'), DND_TEST_SETTINGS: JSON.stringify(settings) }),
    });
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as FileVerdict[];
  }

  test.each<[string, VerifyOptions, number]>([
    ['chosen by the plan', { device: 'cuda' }, 1e-3],
    ['all spectral', { device: 'cuda', algorithm: 'spectral' }, 1e-3],
    ['all spectral, in fp32', { device: 'cuda', algorithm: 'spectral', precision: 'fp32' }, 1e-5],
  ])('pass, convolutions %s', async (_what, settings, decoderOutput) => {
    const all = await verdicts(settings);
    expect(all).toHaveLength(FILES.length);
    for (const { file, ok, error, device, checks } of all) {
      expect({ file, ok, error }).toEqual({ file, ok: true, error: undefined });
      expect(device).toMatchObject({ kind: 'cuda', precision: settings.precision ?? 'mixed', fallback: null });
      const compared = checks.filter((check): check is Comparison => !isSkipped(check));
      expect(compared.length).toBeGreaterThan(0);
      for (const { name, tolerance } of compared) if (name === 'output') expect(tolerance).toBe(decoderOutput);
    }
  });
});
