import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The CUDA library that runs on an emulated device, where it has been built; else undefined. */
export const EMULATED_LIBRARY = [
  process.env.DND_EMULATED_CUDA_LIBRARY,
  join(__dirname, '../build-native/plain/cuda/libdnd_cuda_emulated.so'),
].find((path) => path !== undefined && existsSync(path));

/** What the emulated device calls itself. */
export const EMULATED_DEVICE = 'NVIDIA A100-SXM4-80GB (emulated)';

/** A block of tests that need it; where it is missing they are skipped, and their name says what builds it. */
export const describeEmulated: (name: string, tests: () => void) => void = EMULATED_LIBRARY
  ? (name, tests) => describe(name, tests)
  : (name, tests) =>
      describe.skip(`${name} (no emulated library: run npm test, or node scripts/build.cjs --emulated-cuda)`, tests);

/** Environment of a program that works on the emulated device; what it reads more is in test/cuda/emulator/control.h. */
export const emulated = (settings: Record<string, string> = {}): Record<string, string> => ({
  DND_CUDA_LIBRARY: EMULATED_LIBRARY ?? '',
  ...settings,
});
