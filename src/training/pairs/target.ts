import { type AdapterLayout, type LayoutTensor, placeKey } from '../../adapter/index.js';
import { breather } from '../../async.js';
import { DndError } from '../../errors.js';
import { SafetensorsFile, type TensorInfo } from '../../formats/safetensors/index.js';
import type { Checkpoint, ReadTarget } from './types.js';

/** Reads and tokenises a whole checkpoint, one tensor after the other. Errors: as `readTensors`. */
export const readTarget: ReadTarget = async (checkpoint, layout, signal) => {
  const tokens = new Float32Array(layout.size);
  await readTensors(checkpoint, layout, layout.tensors, { tokens, signal });
  return tokens;
};

/**
 * Reads some of a checkpoint's tensors into weight tokens.
 * @param tensors of the layout
 * @param options.tokens of the whole layout; those of the tensors are written
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE; SHAPE_MISMATCH for a tensor that is missing or has another
 * shape than in the layout; INVALID_WEIGHTS; all name the checkpoint. `signal.reason`
 */
export async function readTensors(
  { name, path }: Pick<Checkpoint, 'name' | 'path'>,
  layout: AdapterLayout,
  tensors: readonly LayoutTensor[],
  { tokens, signal }: { tokens: Float32Array; signal?: AbortSignal | undefined },
): Promise<void> {
  const breathe = breather();
  const file = await SafetensorsFile.open(path);
  try {
    const byPlace = new Map(Array.from(file.tensors.values(), (info) => [placeKey(info.name), info]));
    for (const tensor of tensors) {
      await breathe();
      signal?.throwIfAborted();
      const info = checkedInfo(byPlace.get(placeKey(tensor.name)), tensor, name);
      layout.tokeniseTensor(await file.readFloat32(info.name), tensor, tokens);
    }
  } catch (error) {
    if (error instanceof DndError && !error.message.includes(name) && !error.message.includes(path))
      throw new DndError(error.code, `${name}: ${error.message}`, { cause: error });
    throw error;
  } finally {
    await file.close();
  }
}

function checkedInfo(info: TensorInfo | undefined, { name, shape }: LayoutTensor, checkpoint: string): TensorInfo {
  if (!info) throw new DndError('SHAPE_MISMATCH', `${checkpoint} has no tensor ${name}`);
  const [found, wanted] = [info.shape.join(', '), shape.join(', ')];
  if (found === wanted) return info;
  throw new DndError(
    'SHAPE_MISMATCH',
    `${checkpoint}: ${name} has shape [${found}], and the adapter layout has [${wanted}]`,
  );
}
