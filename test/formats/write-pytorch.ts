import { writeFile } from 'node:fs/promises';
import { DTYPES, type Dtype } from '../../src/formats/dtypes.js';
import { SafetensorsSet } from '../../src/formats/safetensors/index.js';
import * as p from './build-pickle.js';
import { archiveBytes } from './build-pytorch.js';

export interface Tensor {
  dtype: Dtype;
  shape: readonly number[];
  bytes: Uint8Array;
}

const STORAGE_TYPES: Partial<Record<Dtype, string>> = {
  F32: 'Float',
  F16: 'Half',
  BF16: 'BFloat16',
  F64: 'Double',
  I64: 'Long',
};

/** A state dict as torch.save would write it. */
export async function writeCheckpoint(path: string, tensors: Readonly<Record<string, Tensor>>): Promise<void> {
  const entries: Record<string, p.Piece> = {};
  const storages: Record<string, Uint8Array> = {};
  for (const [index, [name, { dtype, shape, bytes }]] of Object.entries(tensors).entries()) {
    storages[index] = bytes;
    entries[name] = p.tensor({
      key: String(index),
      type: STORAGE_TYPES[dtype]!,
      elements: bytes.length / DTYPES[dtype].bytes,
      shape,
    });
  }
  await writeFile(path, archiveBytes(p.dict(entries), storages));
}

/** The tensors of a safetensors file as torch.save would write them. */
export async function convertToPytorch(from: string, to: string): Promise<void> {
  const set = await SafetensorsSet.open(from);
  const tensors: Record<string, Tensor> = {};
  for (const { name, dtype, shape } of set.tensors.values())
    tensors[name] = { dtype, shape, bytes: await set.read(name) };
  await set.close();
  await writeCheckpoint(to, tensors);
}
