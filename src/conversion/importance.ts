import { firstWrongImportance, IMPORTANCE_TENSOR } from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import { DndError } from '../errors.js';
import { refuseExistingFile } from '../files/index.js';
import { elementCount } from '../formats/dtypes.js';
import { openTensors, SOLE_TENSOR_NAME } from '../formats/pytorch/index.js';
import { type TensorInfo, type TensorReader, writeSafetensors } from '../formats/safetensors/index.js';
import { quote } from '../validation/index.js';
import { refuseLoraTensors } from './refuse-adapters.js';

/** Its name in checkpoints of the published code, below those of wrappers. */
const IN_CHECKPOINT = /^(?:.*\.)?criterion_weight$/;

export interface ConvertImportanceOptions extends LongOperation {
  /** Replace an existing file. */
  force?: boolean | undefined;
}

export interface ConvertedImportance {
  tokens: number;
  /** Mean over the tokens. */
  mean: number;
}

/**
 * Writes token importance of the published code as safetensors: the tensor `importance`, F32 [tokens]. The source is
 * `criterion_weight.pt`, one vector, or a checkpoint, which has the mean over its data sets, [1, tokens, 1, 1].
 * @throws DndError of `PytorchArchive`; SHAPE_MISMATCH without such a tensor; INVALID_WEIGHTS for values that no
 * importance has; OUTPUT_EXISTS, NOT_WRITABLE, DISK_FULL; `signal.reason`
 */
export async function convertImportance(
  source: string,
  target: string,
  { signal, force }: ConvertImportanceOptions = {},
): Promise<ConvertedImportance> {
  await refuseExistingFile(target, force);
  const file = await openTensors(source);
  try {
    refuseLoraTensors(file);
    const values = await readImportance(file);
    const bytes = () => [new Uint8Array(values.buffer)];
    await writeSafetensors(target, [{ name: IMPORTANCE_TENSOR, dtype: 'F32', shape: [values.length], bytes }], {
      signal,
    });
    return { tokens: values.length, mean: values.reduce((sum, value) => sum + value, 0) / values.length };
  } finally {
    await file.close();
  }
}

async function readImportance(file: TensorReader): Promise<Float32Array<ArrayBuffer>> {
  const { name, shape } = find(file);
  const tokens = elementCount(shape);
  if (tokens === 0 || Math.max(...shape) !== tokens) {
    throw new DndError(
      'SHAPE_MISMATCH',
      `${file.path}: tensor ${quote(name)} is not token importance; expected one number per weight token, got shape [${shape.join(', ')}]`,
    );
  }
  const values = await file.readFloat32(name);
  const at = firstWrongImportance(values);
  if (at !== -1) {
    throw new DndError(
      'INVALID_WEIGHTS',
      `${file.path}: tensor ${quote(name)} is not token importance; expected finite numbers from 0, got ${values[at]} for weight token ${at}`,
    );
  }
  return values;
}

function find(file: TensorReader): TensorInfo {
  const all = [...file.tensors.values()];
  const named = all.filter(
    ({ name }) => [SOLE_TENSOR_NAME, IMPORTANCE_TENSOR].includes(name) || IN_CHECKPOINT.test(name),
  );
  if (named.length === 1) return named[0]!;
  const got = named.length === 0 ? all.slice(0, 3) : named;
  throw new DndError(
    'SHAPE_MISMATCH',
    `${file.path}: it holds no token importance; expected a single vector, or a tensor criterion_weight, got ${got.map(({ name }) => quote(name)).join(', ') || 'no tensors'}`,
  );
}
