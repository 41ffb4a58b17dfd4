import { DndError } from '../errors.js';
import type { SafetensorsFile, TensorSource } from '../formats/safetensors/index.js';

/** A float32 tensor of a generator's own small files. */
export function floatTensor(
  name: string,
  shape: readonly number[],
  { buffer, byteOffset, byteLength }: Float32Array,
): TensorSource {
  return { name, dtype: 'F32', shape, bytes: () => [new Uint8Array(buffer, byteOffset, byteLength)] };
}

/**
 * Reads a tensor that must be float32 and of this shape.
 * @param whole what it has to fit, for the message
 * @throws DndError SHAPE_MISMATCH; as `SafetensorsFile.readFloat32`
 */
export async function readFloatTensor(
  file: SafetensorsFile,
  name: string,
  shape: readonly number[],
  whole: string,
): Promise<Float32Array> {
  const info = file.tensors.get(name);
  if (info?.dtype === 'F32' && info.shape.join() === shape.join()) return file.readFloat32(name);
  const found = info ? `${info.dtype} [${info.shape.join(', ')}]` : 'no such tensor';
  throw new DndError(
    'SHAPE_MISMATCH',
    `${file.path}: ${name} does not fit the ${whole}; expected F32 [${shape.join(', ')}], got ${found}. ` +
      "Restore the generator's own file",
  );
}
