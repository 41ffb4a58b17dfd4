import { dirname, join } from 'node:path';
import { PEFT_CONFIG_FILE, parseTensorName } from '../adapter/index.js';
import { DndError } from '../errors.js';
import { exists, isFolder } from '../files/index.js';
import { openTensors } from '../formats/pytorch/index.js';
import type { TensorReader } from '../formats/safetensors/index.js';
import { quote } from '../validation/index.js';

/** mlx-lm's names. */
const MLX_MATRIX = /\.lora_[ab]$/;

/**
 * An adapter's file of tensors is no checkpoint: without its configuration it says neither rank nor alpha.
 * @throws DndError UNSUPPORTED_FORMAT for tensors of LoRA
 */
export function refuseLoraTensors({ path, tensors }: Pick<TensorReader, 'path' | 'tensors'>): void {
  const matrix = [...tensors.keys()].find((name) => parseTensorName(name) !== undefined || MLX_MATRIX.test(name));
  if (matrix !== undefined) throw isAdapter(path, `it holds ${quote(matrix)}`);
}

/** The same by the configuration beside it, without reading it. */
export async function refuseFileOfAdapter(path: string): Promise<void> {
  if (await isFolder(path)) return;
  if (await exists(join(dirname(path), PEFT_CONFIG_FILE))) throw isAdapter(path, `${PEFT_CONFIG_FILE} is beside it`);
}

/** Before an error about settings or names that a checkpoint would need, and an adapter would not. */
export async function refuseLoraFile(path: string): Promise<void> {
  const file = await openTensors(path);
  try {
    refuseLoraTensors(file);
  } finally {
    await file.close();
  }
}

function isAdapter(path: string, why: string): DndError {
  return new DndError(
    'UNSUPPORTED_FORMAT',
    `${path} is a file of an adapter, as ${why}; expected a checkpoint, or the folder of an adapter with its ${PEFT_CONFIG_FILE}. Give its folder`,
  );
}
