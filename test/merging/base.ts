import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Dtype, type FloatDtype, fromFloat32 } from '../../src/formats/dtypes.js';
import { type TensorSource, writeSafetensorsSharded } from '../../src/formats/safetensors/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { SHAPES } from '../comparison/adapters.js';

export interface BaseOptions {
  dtype?: FloatDtype;
  shapes?: Record<string, readonly number[]>;
  maxShardBytes?: number;
  /** Tensors besides the modules'. */
  others?: TensorSource[];
  /** Of config.json. */
  config?: Record<string, unknown>;
}

export function tensorOf(name: string, shape: readonly number[], dtype: FloatDtype, seed: number): TensorSource {
  const random = SplitMix64.seeded(seed);
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, () => random.below(2001) / 1000 - 1);
  return { name, dtype, shape, bytes: () => [fromFloat32(values, dtype)] };
}

export function rawTensor(name: string, shape: readonly number[], dtype: Dtype, bytes: Uint8Array): TensorSource {
  return { name, dtype, shape, bytes: () => [bytes] };
}

/** A base model's folder for the adapters of test/comparison/adapters.ts. */
export async function writeBase(
  folder: string,
  { dtype = 'F32', shapes = SHAPES, maxShardBytes, others = [], config = { model_type: 'qwen2' } }: BaseOptions = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const modules = Object.entries(shapes).map(([module, shape], i) =>
    tensorOf(`${module}.weight`, shape, dtype, i + 100),
  );
  const norm = tensorOf('model.norm.weight', [9], dtype, 7);
  await writeSafetensorsSharded(folder, 'model', [...modules, norm, ...others], {
    maxShardBytes,
    metadata: { format: 'pt' },
  });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'tokenizer.json'), '{}');
}
