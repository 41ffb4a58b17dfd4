import { join } from 'node:path';
import { DndError } from '../errors.js';
import type { WrittenFiles } from '../files/index.js';
import { SafetensorsFile, writeSafetensors } from '../formats/safetensors/index.js';
import { ConditionProjection } from './condition-projection.js';
import { floatTensor, readFloatTensor } from './float-tensors.js';
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
  const { components, componentsSha256: expected } = condition;
  if (components === undefined) return undefined;
  const path = join(folder, PROJECTION_FILE);
  const projection = await readTensors(path, components, encoder.channels);
  signal?.throwIfAborted();
  if (projection.sha256 === expected) return projection;
  throw new DndError(
    'CORRUPT_FILE',
    `${path}: other values than the decoder was trained with; expected SHA-256 ${expected ?? 'of training'}, got ${projection.sha256}. ` +
      `Restore the file, from a checkpoint of the same run if there is one`,
  );
}

async function readTensors(path: string, components: number, channels: number): Promise<ConditionProjection> {
  const file = await SafetensorsFile.open(path);
  try {
    return new ConditionProjection(
      await readFloatTensor(file, MEAN, [channels], FITTED),
      await readFloatTensor(file, COMPONENTS, [components, channels], FITTED),
    );
  } catch (error) {
    if (!(error instanceof DndError) || error.message.includes(path)) throw error;
    throw new DndError('CORRUPT_FILE', `${path}: ${error.message}`, { cause: error });
  } finally {
    await file.close();
  }
}
