import { join } from 'node:path';
import { exists } from '../files/index.js';
import { PytorchArchive } from '../formats/pytorch/index.js';
import { SafetensorsFile, type TensorReader } from '../formats/safetensors/index.js';
import { PEFT_TENSORS_FILE } from './peft-write.js';

/** What PEFT wrote before 0.6, and writes with `safe_serialization=False`. */
export const PYTORCH_TENSORS_FILE = 'adapter_model.bin';

/**
 * The tensors of a PEFT folder; those of `adapter_model.bin` where there is no other file.
 * @throws DndError as `SafetensorsFile.open` and `PytorchArchive.open`
 */
export async function openAdapterTensors(folder: string): Promise<TensorReader> {
  const safetensors = join(folder, PEFT_TENSORS_FILE);
  const pytorch = join(folder, PYTORCH_TENSORS_FILE);
  return !(await exists(safetensors)) && (await exists(pytorch))
    ? PytorchArchive.open(pytorch)
    : SafetensorsFile.open(safetensors);
}
