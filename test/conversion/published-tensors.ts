import { SafetensorsSet } from '../../src/formats/safetensors/index.js';
import type { Tensor } from '../formats/write-pytorch.js';

/** The decoder of a generator folder, its names as the published code saves them. */
export async function publishedTensors(folder: string): Promise<Record<string, Tensor>> {
  const set = await SafetensorsSet.open(folder);
  const tensors: Record<string, Tensor> = {};
  for (const { name, dtype, shape } of set.tensors.values()) {
    tensors[name.startsWith('decoder.') ? `model.${name}` : name] = { dtype, shape, bytes: await set.read(name) };
  }
  await set.close();
  return tensors;
}

export function floats(shape: readonly number[], values: readonly number[]): Tensor {
  return { dtype: 'F32', shape, bytes: new Uint8Array(new Float32Array(values).buffer) };
}
