import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../../files/index.js';
import { INDEX_SUFFIX } from './shards.js';
import { byteLengthOf, type TensorSource, type WriteOptions, writeSafetensors } from './write.js';

export interface ShardedWriteOptions extends WriteOptions {
  /** Tensor bytes per file, default 5·10⁹; a larger tensor gets its own file. */
  maxShardBytes?: number | undefined;
}

function divide(tensors: readonly TensorSource[], maxShardBytes: number): TensorSource[][] {
  const shards: TensorSource[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    const own = byteLengthOf(tensor);
    if (bytes + own > maxShardBytes && shards.at(-1)!.length > 0) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(tensor);
    bytes += own;
  }
  return shards;
}

/**
 * Writes `<base>.safetensors` into `folder`, or, if that would exceed `maxShardBytes`,
 * `<base>-00001-of-0000N.safetensors` … and `<base>.safetensors.index.json`, as transformers names and reads them.
 * Tensors are written in the order given. After a failure no file of the set is left. Errors: as `writeSafetensors`.
 */
export async function writeSafetensorsSharded(
  folder: string,
  baseName: string,
  tensors: readonly TensorSource[],
  options: ShardedWriteOptions = {},
): Promise<void> {
  const { maxShardBytes = 5e9, onProgress, ...common } = options;
  const shards = divide(tensors, maxShardBytes);
  if (shards.length === 1) {
    return writeSafetensors(join(folder, `${baseName}.safetensors`), tensors, { ...common, onProgress });
  }
  const totalBytes = tensors.reduce((sum, tensor) => sum + byteLengthOf(tensor), 0);
  const total = String(shards.length).padStart(5, '0');
  const weightMap: Record<string, string> = Object.create(null);
  const written: string[] = [];
  let doneBytes = 0;
  try {
    for (const [number, shard] of shards.entries()) {
      const name = `${baseName}-${String(number + 1).padStart(5, '0')}-of-${total}.safetensors`;
      const shardBytes = shard.reduce((sum, tensor) => sum + byteLengthOf(tensor), 0);
      await writeSafetensors(join(folder, name), shard, {
        ...common,
        onProgress: onProgress && ((fraction) => onProgress((doneBytes + fraction * shardBytes) / totalBytes)),
      });
      written.push(join(folder, name));
      doneBytes += shardBytes;
      for (const tensor of shard) weightMap[tensor.name] = name;
    }
    const index = { metadata: { total_size: totalBytes }, weight_map: weightMap };
    const path = join(folder, baseName + INDEX_SUFFIX);
    await writeFileAtomically(path, `${JSON.stringify(index, null, 2)}\n`, common);
  } catch (error) {
    for (const path of written) await rm(path, { force: true });
    throw error;
  }
}
