import { join } from 'node:path';
import { type AdapterLayout, firstWrongImportance, IMPORTANCE_TENSOR } from '../../adapter/index.js';
import { DndError } from '../../errors.js';
import { kindOf, sha256OfFiles } from '../../files/index.js';
import { SafetensorsFile } from '../../formats/safetensors/index.js';
import { normalisedImportance } from './importance.js';

/** In a task's folder: token importance from elsewhere, as `dnd convert` makes it of the published criterion_weight.pt. */
export const IMPORTANCE_FILE = 'importance.safetensors';

/** Token importance that is given instead of computed. */
export interface TaskImportance {
  path: string;
  sha256: string;
}

/** @throws DndError READ_FAILED */
export async function findTaskImportance(taskFolder: string): Promise<TaskImportance | undefined> {
  const path = join(taskFolder, IMPORTANCE_FILE);
  return (await kindOf(path)) === 'file' ? { path, sha256: await sha256OfFiles([path]) } : undefined;
}

/**
 * Reads it for the weight tokens of a layout, scaled to a mean over all elements of 1, as computed importance has: tasks
 * count alike, wherever theirs comes from.
 * @returns [tokens]
 * @throws DndError INVALID_PAIRS where it is not the importance of these weight tokens; as `SafetensorsFile`
 */
export async function readTaskImportance({ path }: TaskImportance, layout: AdapterLayout): Promise<Float64Array> {
  const wrong = (what: string) =>
    new DndError('INVALID_PAIRS', `${path}: ${what}. Convert it again, or remove it: importance is then computed`);
  if (layout.normalisation !== 'chunk') {
    throw wrong(
      `it is the importance of weight tokens with the normalisation chunk, and these have ${layout.normalisation}`,
    );
  }
  const file = await SafetensorsFile.open(path);
  try {
    const shape = file.tensors.get(IMPORTANCE_TENSOR)?.shape;
    if (shape === undefined) throw wrong(`it has no tensor ${IMPORTANCE_TENSOR}`);
    if (shape.length !== 1 || shape[0] !== layout.tokenCount) {
      throw wrong(`it is for [${shape.join(', ')}] weight tokens, and the layout has ${layout.tokenCount}`);
    }
    const values = await file.readFloat32(IMPORTANCE_TENSOR);
    const at = firstWrongImportance(values);
    if (at !== -1)
      throw wrong(`importance must be finite numbers from 0, and that of weight token ${at} is ${values[at]}`);
    const scaled = normalisedImportance(Float64Array.from(values), layout.elementCounts());
    if (scaled === undefined) throw wrong('it is zero for every weight token');
    return scaled;
  } finally {
    await file.close();
  }
}
