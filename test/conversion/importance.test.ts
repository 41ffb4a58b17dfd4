import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { convertImportance } from '../../src/conversion/importance.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import * as p from '../formats/build-pickle.js';
import { archiveBytes, floats as floatBytes } from '../formats/build-pytorch.js';
import { type Tensor, writeCheckpoint } from '../formats/write-pytorch.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { floats } from './published-tensors.js';

const folder = useTemporaryFolder();
const at = (name: string) => join(folder(), name);

async function converted(): Promise<number[]> {
  await convertImportance(at('in.pt'), at('out.safetensors'));
  const file = await SafetensorsFile.open(at('out.safetensors'));
  expect([...file.tensors.keys()]).toEqual(['importance']);
  expect(file.tensors.get('importance')).toMatchObject({ dtype: 'F32' });
  const values = [...(await file.readFloat32('importance'))];
  expect(file.tensors.get('importance')!.shape).toEqual([values.length]);
  await file.close();
  return values;
}

test('criterion_weight.pt, a vector alone', async () => {
  const vector = p.tensor({ key: '0', elements: 3, shape: [3] });
  await writeFile(at('in.pt'), archiveBytes(vector, { 0: floatBytes(0.5, 1, 1.5) }));
  expect(await converted()).toEqual([0.5, 1, 1.5]);
});

test('the importance in a checkpoint', async () => {
  await writeCheckpoint(at('in.pt'), {
    'model.decoder.module_list.0.linear2.bias': floats([2], [7, 8]),
    criterion_weight: floats([1, 4, 1, 1], [0, 1, 2, 1]),
  });
  expect(await converted()).toEqual([0, 1, 2, 1]);
});

test('what is no importance is refused, and nothing is written', async () => {
  const refused = async (tensors: Record<string, Tensor>, code: string, message: string) => {
    await writeCheckpoint(at('in.pt'), tensors);
    await expect(convertImportance(at('in.pt'), at('out.safetensors'))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
    expect(await readdir(folder())).toEqual(['in.pt']);
  };
  await refused({ weight: floats([2], [1, 2]) }, 'SHAPE_MISMATCH', 'got "weight"');
  await refused({}, 'SHAPE_MISMATCH', 'got no tensors');
  const two = { 'a.criterion_weight': floats([1], [1]), 'b.criterion_weight': floats([1], [1]) };
  await refused(two, 'SHAPE_MISMATCH', '"a.criterion_weight", "b.criterion_weight"');
  await refused({ criterion_weight: floats([2, 2], [1, 1, 1, 1]) }, 'SHAPE_MISMATCH', 'shape [2, 2]');
  await refused({ criterion_weight: floats([0], []) }, 'SHAPE_MISMATCH', 'shape [0]');
  await refused({ criterion_weight: floats([2], [1, -1]) }, 'INVALID_WEIGHTS', 'got -1 for weight token 1');
  await refused({ criterion_weight: floats([2], [Number.NaN, 1]) }, 'INVALID_WEIGHTS', 'got NaN for weight token 0');
});
