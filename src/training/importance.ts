import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AdapterLayout } from '../adapter/index.js';
import type { LongOperation } from '../async.js';
import { DndError } from '../errors.js';
import { SafetensorsFile, writeSafetensors } from '../formats/safetensors/index.js';
import { meanImportance, tokenImportance } from './pairs/importance.js';
import type { ReadTarget } from './pairs/types.js';
import type { TrainingTask } from './split.js';

const TENSOR = 'importance';

/**
 * The token importance of the checkpoints that are trained on: of each task, then the mean. Kept in `folder`, since all
 * checkpoints have to be read for it.
 * @returns [tokens]
 * @throws DndError as `readTarget`; `signal.reason`
 */
export async function trainingImportance(
  tasks: readonly TrainingTask[],
  layout: AdapterLayout,
  readTarget: ReadTarget,
  { folder, signal, onProgress }: LongOperation & { folder: string },
): Promise<Float32Array> {
  const path = join(folder, `importance-${keyOf(tasks, layout)}.safetensors`);
  const kept = await readKept(path, layout.tokenCount);
  if (kept) return kept;
  const total = tasks.reduce((sum, { checkpoints }) => sum + checkpoints.length, 0);
  let done = 0;
  const vectors: Float64Array[] = [];
  for (const { checkpoints } of tasks) {
    const tokens = async function* () {
      for (const checkpoint of checkpoints) {
        yield await readTarget(checkpoint, layout, signal);
        onProgress?.(++done / total);
      }
    };
    vectors.push(await tokenImportance(tokens(), layout.tokenCount, signal));
  }
  const importance = Float32Array.from(meanImportance(vectors));
  await keep(path, importance, signal);
  return importance;
}

function keyOf(tasks: readonly TrainingTask[], layout: AdapterLayout): string {
  const hash = createHash('sha256').update(JSON.stringify(layout));
  for (const { task, checkpoints } of tasks)
    hash.update(JSON.stringify([task.name, checkpoints.map(({ tensorsSha256 }) => tensorsSha256)]));
  return hash.digest('hex').slice(0, 16);
}

async function readKept(path: string, tokens: number): Promise<Float32Array | undefined> {
  try {
    await using file = await SafetensorsFile.open(path);
    const values = await file.readFloat32(TENSOR);
    return values.length === tokens && values.every(Number.isFinite) ? values : undefined;
  } catch (error) {
    // Not there, or damaged: it is computed again.
    if (error instanceof DndError) return undefined;
    throw error;
  }
}

async function keep(path: string, importance: Float32Array, signal: AbortSignal | undefined): Promise<void> {
  const bytes = new Uint8Array(importance.buffer, importance.byteOffset, importance.byteLength);
  const tensor = { name: TENSOR, dtype: 'F32' as const, shape: [importance.length], bytes: () => [bytes] };
  await writeSafetensors(path, [tensor], { signal }).catch((error) => {
    signal?.throwIfAborted();
    if (!(error instanceof DndError)) throw error;
  });
}
