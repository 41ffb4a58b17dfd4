import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findGpu } from '../../src/doctor/gpu.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const root = useTemporaryFolder();

async function write(path: string, text: string) {
  const file = join(root(), 'proc/driver/nvidia', path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, text);
}

test.each([
  [
    'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023\nGCC version: 11',
    '535.129.03',
  ],
  ['NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build', '580.65.06'],
])('the driver and its devices are read from /proc', async (version, driver) => {
  await write('version', version);
  await write('gpus/0000:01:00.0/information', 'Model: \t\t NVIDIA H200\nIRQ:   \t\t 120\n');
  await write('gpus/0000:02:00.0/information', 'IRQ:   \t\t 121\n');
  expect(await findGpu(root())).toEqual({ driver, devices: ['NVIDIA H200', 'unknown NVIDIA device'] });
});

test('without a driver there is none', async () => {
  expect(await findGpu(root())).toEqual({ driver: null, devices: [] });
});
