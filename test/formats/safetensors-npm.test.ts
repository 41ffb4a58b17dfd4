import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TensorSource, writeSafetensors } from '../../src/formats/safetensors/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

interface Reader {
  metadata: Map<string, { dtype: string; shape: number[] }>;
  getTensor(name: string): Uint8Array;
}
const { SafeTensor } = require('safetensors') as { SafeTensor: new (bytes: Uint8Array) => Reader };

const folder = useTemporaryFolder();

test('the npm package safetensors reads what we write', async () => {
  const values = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i));
  const half = Uint16Array.from({ length: 9 }, (_, i) => i * 1000);
  const tensors: TensorSource[] = [
    { name: 'half', dtype: 'F16', shape: [3, 3], bytes: () => [new Uint8Array(half.buffer)] },
    { name: 'layers.0.weight', dtype: 'F32', shape: [10, 100], bytes: () => [new Uint8Array(values.buffer)] },
  ];
  const path = join(folder(), 'a.safetensors');
  await writeSafetensors(path, tensors);
  const reader = new SafeTensor(new Uint8Array(await readFile(path)));
  expect([...reader.metadata.keys()].sort()).toEqual(['half', 'layers.0.weight']);
  expect(reader.metadata.get('layers.0.weight')).toMatchObject({ dtype: 'F32', shape: [10, 100] });
  expect(new Float32Array(reader.getTensor('layers.0.weight').slice().buffer)).toEqual(values);
  expect(new Uint16Array(reader.getTensor('half').slice().buffer)).toEqual(half);
});
