import { join } from 'node:path';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';

export interface Golden {
  settings: Readonly<Record<string, string>>;
  tensors: Map<string, { shape: number[]; data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> }>;
}

/** A golden file: numbers of the Python reference, with the settings that they were computed for. */
export async function readGolden(name: string): Promise<Golden> {
  const file = await SafetensorsFile.open(join(__dirname, '..', 'fixtures', 'encoder', name));
  const tensors: Golden['tensors'] = new Map();
  for (const { name, dtype, shape } of file.tensors.values()) {
    const data =
      dtype === 'I64'
        ? Int32Array.from(new BigInt64Array((await file.read(name)).buffer), Number)
        : await file.readFloat32(name);
    tensors.set(name, { shape, data });
  }
  await file.close();
  return { settings: file.metadata, tensors };
}

/** ‖actual − expected‖ / ‖expected‖ over the whole tensor. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    size += expected[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}
