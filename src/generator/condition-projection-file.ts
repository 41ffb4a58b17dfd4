import { join } from 'node:path';
import type { WrittenFiles } from '../files/index.js';
import { writeSafetensors } from '../formats/safetensors/index.js';
import { ConditionProjection } from './condition-projection.js';
import { floatTensor, readFloatTensor, readOwnFile } from './float-tensors.js';
import type { GeneratorManifest } from './manifest.js';

/** In a generator folder and in a run folder, only with `condition.components`. */
export const PROJECTION_FILE = 'condition-projection.safetensors';

const MEAN = 'mean';
const COMPONENTS = 'components';
/** What the tensors must fit. */
const FITTED = 'condition of the generator';

/**
 * Writes mean and whitened components, if there are any.
 * @throws DndError DISK_FULL, NOT_WRITABLE; `signal.reason`
 */
export async function writeProjection(
  folder: string,
  projection: ConditionProjection | undefined,
  options: WrittenFiles & { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  if (!projection) return;
  const { mean, matrix, channels, components } = projection;
  const tensors = [floatTensor(MEAN, [channels], mean), floatTensor(COMPONENTS, [components, channels], matrix)];
  await writeSafetensors(join(folder, PROJECTION_FILE), tensors, options);
}

/**
 * The projection of a generator or a run; undefined if its conditions are the hidden states as they are.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, SHAPE_MISMATCH: all name the file; `signal.reason`
 */
export async function readProjection(
  folder: string,
  { condition, encoder }: Pick<GeneratorManifest, 'condition' | 'encoder'>,
  signal?: AbortSignal,
): Promise<ConditionProjection | undefined> {
  const { components, componentsSha256 } = condition;
  if (components === undefined) return undefined;
  const { channels } = encoder;
  const projection = await readOwnFile(
    join(folder, PROJECTION_FILE),
    componentsSha256,
    async (file) =>
      new ConditionProjection(
        await readFloatTensor(file, MEAN, [channels], FITTED),
        await readFloatTensor(file, COMPONENTS, [components, channels], FITTED),
      ),
  );
  signal?.throwIfAborted();
  return projection;
}
