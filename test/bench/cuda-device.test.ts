import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describeEmulated, emulated } from '../emulated-cuda.js';
import { TYPESCRIPT } from '../engine/child.js';

const root = join(__dirname, '../..');
const SCRIPT = `
  const { findDevice } = require(${JSON.stringify(join(root, 'bench/cuda/device.cjs'))});
  const engine = require(${JSON.stringify(join(root, 'src/engine/index.ts'))});
  findDevice(engine, process.argv[1]).then((found) => console.log(JSON.stringify(found)));
`;

/** What the benchmark finds in a process with such an environment. */
async function found(precision: string, environment: Record<string, string>) {
  const parameters = [...TYPESCRIPT, '--eval', SCRIPT, precision];
  const env = { ...process.env, ...environment };
  return JSON.parse((await promisify(execFile)(process.execPath, parameters, { env })).stdout);
}

test('without a CUDA library there is no device, and the reason is told', async () => {
  const { missing } = await found('mixed', { DND_CUDA_LIBRARY: '/nowhere/libdnd_cuda.so' });
  expect(missing).toContain('/nowhere/libdnd_cuda.so');
});

describeEmulated('on the emulated device', () => {
  test.each(['mixed', 'fp32'])(
    'it is found with the model that it is planned with, precision %s',
    async (precision) => {
      const { use, about, model } = await found(precision, emulated());
      expect(use).toMatchObject({ kind: 'cuda', ordinal: 0, precision });
      expect(about.computeMajor).toBeGreaterThanOrEqual(8);
      expect(model).toBe('a100-sxm-80gb');
    },
  );
});
