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
  /** The file that it is read from. */
  path: string;
  /** SHA-256 of the file. */
  sha256: string;
  /** How many weight tokens it is for. */
  tokens: number;
}

/**
 * That of a task's folder; undefined if it has none.
 * @throws DndError READ_FAILED; INVALID_PAIRS where it is no importance, of whatever weight tokens; as `SafetensorsFile`
 */
export async function findTaskImportance(taskFolder: string): Promise<TaskImportance | undefined> {
  const path = join(taskFolder, IMPORTANCE_FILE);
  if ((await kindOf(path)) !== 'file') return undefined;
  const values = await readValues(path);
  return { path, sha256: await sha256OfFiles([path]), tokens: values.length };
}

const REPAIR = 'Convert it again, or remove it: importance is then computed';

async function readValues(path: string): Promise<Float32Array> {
  const wrong = (what: string) => new DndError('INVALID_PAIRS', `${path}: ${what}. ${REPAIR}`);
  const file = await SafetensorsFile.open(path);
  try {
    const shape = file.tensors.get(IMPORTANCE_TENSOR)?.shape;
    if (shape === undefined) throw wrong(`it has no tensor ${IMPORTANCE_TENSOR}`);
    if (shape.length !== 1) throw wrong(`importance has the shape [${shape.join(', ')}]; expected [weight tokens]`);
    const values = await file.readFloat32(IMPORTANCE_TENSOR);
    const at = firstWrongImportance(values);
    if (at !== -1)
      throw wrong(`importance must be finite numbers from 0, and that of weight token ${at} is ${values[at]}`);
    if (values.every((value) => value === 0)) throw wrong('it is zero for every weight token');
    return values;
  } finally {
    await file.close();
  }
}

/**
 * Reads it for the weight tokens of a layout, scaled to a mean over all elements of 1, as computed importance has: tasks
 * count alike, wherever theirs comes from.
 * @param weightsDigest of `TargetWeights`
 * @returns [tokens]
 * @throws DndError INVALID_PAIRS where it is not the importance of these weight tokens; as `SafetensorsFile`
 */
export async function readTaskImportance(
  { path }: TaskImportance,
  layout: AdapterLayout,
  weightsDigest: string | null = null,
): Promise<Float64Array> {
  const wrong = (what: string) => new DndError('INVALID_PAIRS', `${path}: ${what}. ${REPAIR}`);
  if (layout.normalisation !== 'chunk') {
    throw wrong(
      `it is the importance of weight tokens with the normalisation chunk, and these have ${layout.normalisation}`,
    );
  }
  if (weightsDigest !== null) throw wrong("it is the importance of matrices as they are: targets 'raw'");
  const values = await readValues(path);
  if (values.length !== layout.tokenCount)
    throw wrong(`it is for ${values.length} weight tokens, and the layout has ${layout.tokenCount}`);
  // Not zero everywhere.
  return normalisedImportance(Float64Array.from(values), layout.elementCounts())!;
}
