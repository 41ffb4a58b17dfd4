import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpuInfo, DecoderEngine, type DeviceInfo, type DeviceUse, selectDevice } from '../../src/engine/index.js';
import { describeEmulated, EMULATED_DEVICE, emulated } from '../emulated-cuda.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { resultOf } from './child.js';
import { conditionOf, createDecoder, SMALL } from './decoders.js';

jest.setTimeout(300_000); // the machine may be slow and shared

const temporary = useTemporaryFolder();

type Outcome = DeviceUse & { name: string; code?: string; message?: string };

async function outcomes(devices: string, environment: Record<string, string>) {
  return resultOf<{ devices: Record<string, Outcome>; info: DeviceInfo }>('devices', {
    environment: { DND_TEST_DEVICES: devices, ...environment },
  });
}

/** auto comes to the CPU and says why; cuda fails for the same reason and says what to do. */
async function expectUnavailable(environment: Record<string, string>, reason: RegExp) {
  const { devices, info } = await outcomes('auto cuda cpu', environment);
  expect(devices.auto).toMatchObject({ kind: 'cpu', precision: 'fp32', fallback: expect.stringMatching(reason) });
  expect(devices.auto!.name).toMatch(/^CPU \((baseline|avx2|avx512|neon)\)$/);
  expect(devices.cuda).toMatchObject({ name: 'DndError', code: 'DEVICE_UNAVAILABLE' });
  expect(devices.cuda!.message).toMatch(/^the device cuda cannot be used: .*Choose the device cpu, or auto/s);
  expect(devices.cuda!.message).toMatch(reason);
  expect(devices.cpu).toMatchObject({ kind: 'cpu', fallback: null });
  return info;
}

test.each(['gpu', 'cuda:', 'cuda:-1', 'CUDA', 'cuda:1x', ''])('there is no device %p', async (device) => {
  await expect(selectDevice({ device: device as 'cpu' })).rejects.toMatchObject({
    code: 'DEVICE_UNAVAILABLE',
    message: `there is no device ${JSON.stringify(device)}: choose auto, cpu, cuda or cuda:N`,
  });
});

test('there is no precision but fp32 and bf16 to ask for, and bf16 is of CPUs', async () => {
  await expect(selectDevice({ device: 'cpu', precision: 'fp16' as 'fp32' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'the precision must be fp32 or bf16, or left out, not "fp16"',
  });
  await expect(selectDevice({ device: 'cuda:1', precision: 'bf16' })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'the precision bf16 is of CPUs, and the device is cuda:1. Leave precision out, or choose the device cpu',
  });
});

(cpuInfo().bfloat16 ? test : test.skip)('with bf16, on a CPU with AVX512-BF16, auto is the CPU', async () => {
  for (const device of ['auto', 'cpu'] as const)
    expect(await selectDevice({ device, precision: 'bf16' })).toMatchObject({
      kind: 'cpu',
      precision: 'bf16',
      fallback: null,
    });
});

describe('a CUDA library that cannot be used', () => {
  test('is not there', async () => {
    const path = join(temporary(), 'nothing.so');
    const reason = /DND_CUDA_LIBRARY names .*nothing\.so, which does not exist/;
    const info = await expectUnavailable({ DND_CUDA_LIBRARY: path }, reason);
    expect(info).toEqual({
      ...{ library: path, foundIn: 'DND_CUDA_LIBRARY' },
      ...{ problem: expect.stringMatching(reason), devices: [] },
    });
  });

  test('is no library', async () => {
    const path = join(temporary(), 'text.so');
    writeFileSync(path, 'not a shared library at all');
    await expectUnavailable({ DND_CUDA_LIBRARY: path }, /the CUDA library could not be opened: .*text\.so/);
  });
});

/** A shared library made of C source, by the C++ compiler that built the addon. */
function library(source: string): string {
  const path = join(temporary(), 'library.so');
  writeFileSync(join(temporary(), 'library.cc'), `extern "C" {\n${source}\n}`);
  const compiler: string = require('../../scripts/build-tools.cjs').findTools().environment.CXX;
  const [program, ...flags] = `${compiler} -shared -fPIC`.split(' ');
  const { status, stderr } = spawnSync(program!, [...flags, '-o', path, join(temporary(), 'library.cc')]);
  if (status !== 0) throw new Error(String(stderr));
  return path;
}

describe('a library of another kind', () => {
  test('without the entry', async () => {
    const path = library('int something_else(void) { return 1; }');
    const reason = /library\.so is not a dnd-lora device library: it has no symbol dnd_device_library/;
    await expectUnavailable({ DND_CUDA_LIBRARY: path }, reason);
  });

  test('without a table', async () => {
    const path = library('const void* dnd_device_library(void) { return 0; }');
    await expectUnavailable(
      { DND_CUDA_LIBRARY: path },
      /is not a dnd-lora device library: it returns no backend interface/,
    );
  });

  test('with the table of another version', async () => {
    const path = library(`
      static const struct { unsigned version; const char* name; } table = {2, "cuda"};
      const void* dnd_device_library(void) { return &table; }`);
    const reason =
      /has backend interface version 2, and this build needs \d+: build the addon and the library from the same sources/;
    await expectUnavailable({ DND_CUDA_LIBRARY: path }, reason);
  });
});

describeEmulated('an emulated CUDA device', () => {
  test('is chosen by auto and by its names; another is not there', async () => {
    const { devices, info } = await outcomes('auto cuda cuda:0 cuda:1 cpu', emulated());
    const use = { kind: 'cuda', ordinal: 0, name: EMULATED_DEVICE, precision: 'mixed', fallback: null };
    expect(devices).toMatchObject({ auto: use, cuda: use, 'cuda:0': use, cpu: { kind: 'cpu', fallback: null } });
    expect(devices['cuda:1']).toMatchObject({
      code: 'DEVICE_UNAVAILABLE',
      message: expect.stringContaining('device cuda:1 does not exist: there is one, cuda:0'),
    });
    expect(info).toMatchObject({ problem: null, library: emulated().DND_CUDA_LIBRARY });
    expect(info.devices).toMatchObject([{ name: EMULATED_DEVICE, computeMajor: 8, computeMinor: 0, problem: null }]);
    expect(info.devices[0]!.memoryBytes).toBeGreaterThan(1e9);
  });

  test('may be one of several', async () => {
    const { devices } = await outcomes('cuda:1 cuda:2', emulated({ DND_EMULATOR_DEVICE_COUNT: '2' }));
    expect(devices['cuda:1']).toMatchObject({ kind: 'cuda', ordinal: 1 });
    expect(devices['cuda:2']).toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['no driver', { DND_EMULATOR_DRIVER_VERSION: '0' }, /driver/],
    ['a driver that is too old', { DND_EMULATOR_DRIVER_VERSION: '12040' }, /driver.*12\.4.*580/s],
    ['no device', { DND_EMULATOR_DEVICE_COUNT: '0' }, /shows no GPU/],
    ['a device that is too old', { DND_EMULATOR_COMPUTE_CAPABILITY: '75' }, /compute capability 7\.5, and 8\.0/],
  ])('has %s', async (_what, settings, reason) => {
    await expectUnavailable(emulated(settings), reason);
  });
});

describe('adapters', () => {
  const layout = {
    ...{ tokens: 4, height: 6, width: 4, rank: 2, chunk: 2, elements: 14 },
    tensors: [...[0, 2, 4, 0, 0], ...[2, 2, 3, 1, 8]],
    residual: null,
  };
  const features = [...SMALL.slice(0, 2), [4, 6, 4] as const];

  test('are an array for each task, and nothing of one is in another', async () => {
    const engine = await createDecoder(features as never);
    const condition = conditionOf(engine, 2);
    const both = await engine.adapters(condition, 2, layout);
    expect(both.map(({ length }) => length)).toEqual([14, 14]);
    expect(both[0]!.buffer).not.toBe(both[1]!.buffer);
    const [second] = await engine.adapters(condition.slice(condition.length / 2), 1, layout);
    expect(both[1]).toEqual(second);
    engine.dispose();
  });

  test.each([
    ['another number of tokens', { tokens: 5 }, /weight tokens \[5, 6, 4\], and the decoder gives \[4, 6, 4\]/],
    ['a tensor beyond the tokens', { tensors: [3, 2, 4, 0, 0] }, /tensor 0's first token is 3/],
    ['a tensor beyond the adapter', { elements: 13 }, /tensor 1's offset is 8; it must be from 0 to 7/],
    ['half a tensor', { tensors: [0, 2, 4] }, /tensors: expected five numbers/],
    ['a rank that no token holds', { rank: 9 }, /the rank is 9/],
  ])('of a layout with %s are refused', async (_what, change, message) => {
    const engine = await createDecoder(features as never);
    await expect(engine.adapters(conditionOf(engine), 1, { ...layout, ...change })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
    engine.dispose();
  });
});

test('prepare has nothing to do on a CPU, and what a CPU leaves it does not tell', async () => {
  const engine = await DecoderEngine.create({ features: SMALL, kernelSize: 3 });
  await engine.prepare();
  expect(engine.device).toMatchObject({ kind: 'cpu', fallback: null });
  expect(engine.deviceMemory().heldBytes).toBe(0);
  expect(engine.deviceMemory().roomBytes).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
  engine.dispose();
});
