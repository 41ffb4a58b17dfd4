import { join } from 'node:path';
import { PytorchArchive } from '../../src/formats/pytorch/index.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';

const FIXTURES = join(__dirname, '../fixtures/pytorch');

test('a checkpoint of the published code, written by PyTorch: every tensor is read exactly', async () => {
  const archive = await PytorchArchive.open(join(FIXTURES, 'checkpoint.pth'));
  const expected = await SafetensorsFile.open(join(FIXTURES, 'checkpoint_expected.safetensors'));
  try {
    expect([...archive.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort());
    for (const [name, { dtype, shape }] of expected.tensors) {
      expect(archive.tensors.get(name)).toMatchObject({ dtype, shape });
      expect(await archive.read(name)).toEqual(await expected.read(name));
      expect(await archive.readFloat32(name)).toEqual(await expected.readFloat32(name));
    }
  } finally {
    await archive.close();
    await expected.close();
  }
});
