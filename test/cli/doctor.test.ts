import type { Diagnosis } from '../../src/doctor/doctor.js';
import { dnd, dndJson } from './run-cli.js';

test('dnd doctor describes the machine, and reports that this installation is ready', async () => {
  const { code, result } = await dndJson<Diagnosis>(['doctor']);
  expect(code).toBe(0);
  expect(result).toMatchObject({
    ok: true,
    version: require('../../package.json').version,
    node: process.versions.node,
    addon: { loaded: true, path: expect.stringMatching(/\.node$/), problem: null },
    gpu: { devices: expect.any(Array) },
    cuda: { library: expect.stringMatching(/libdnd_cuda/), devices: expect.any(Array) },
  });
  expect(result.cpu.available).toContain(result.cpu.isa);
  expect(result.cpu.defaultThreads).toBeGreaterThan(0);
  expect(result.memoryBytes.available).toBeGreaterThan(0);
  expect(result.memoryBytes.available).toBeLessThanOrEqual(result.memoryBytes.total);
});

test('for people in lines', async () => {
  const { code, stdout } = await dnd(['doctor']);
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^dnd-lora .*\nnode .*\nsystem .*\naddon .*\.node\nengine .* in use.*\nprocessor .*\nmemory .*\nGPU .*\nCUDA .*\n(cuda:\d+ .*\n)*\nReady\.\n$/,
  );
});
