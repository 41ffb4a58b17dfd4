import { DndError } from '../errors.js';
import type { FloatDtype } from '../formats/dtypes.js';
import { SafetensorsFile, type TensorSource } from '../formats/safetensors/index.js';

/** A float32 tensor of a generator's own small files. */
export function floatTensor(
  name: string,
  shape: readonly number[],
  { buffer, byteOffset, byteLength }: Float32Array,
): TensorSource {
  return { name, dtype: 'F32', shape, bytes: () => [new Uint8Array(buffer, byteOffset, byteLength)] };
}

/**
 * Reads a tensor that must be of this dtype and shape.
 * @param whole what it has to fit, for the message
 * @throws DndError SHAPE_MISMATCH; as `SafetensorsFile.readFloat32`
 */
export async function readFloatTensor(
  file: SafetensorsFile,
  name: string,
  shape: readonly number[],
  whole: string,
  dtype: FloatDtype = 'F32',
): Promise<Float32Array> {
  const info = file.tensors.get(name);
  if (info?.dtype === dtype && info.shape.join() === shape.join()) return file.readFloat32(name);
  const found = info ? `${info.dtype} [${info.shape.join(', ')}]` : 'no such tensor';
  throw new DndError(
    'SHAPE_MISMATCH',
    `${file.path}: ${name} does not fit the ${whole}; expected ${dtype} [${shape.join(', ')}], got ${found}. ` +
      "Restore the generator's own file",
  );
}

/**
 * Makes something of the tensors of a generator's own file, and compares its digest with that of the manifest.
 * @param expected SHA-256; undefined in the manifest of a generator whose training has not started
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, SHAPE_MISMATCH: all name the file; as `make`
 */
export async function readOwnFile<T extends { sha256: string }>(
  path: string,
  expected: string | undefined,
  make: (file: SafetensorsFile) => Promise<T>,
): Promise<T> {
  const made = await readWith(path, make);
  if (made.sha256 === expected) return made;
  throw new DndError(
    'CORRUPT_FILE',
    `${path}: other values than the decoder was trained with; expected SHA-256 ${expected ?? 'of training'}, got ${made.sha256}. ` +
      'Restore the file, from a checkpoint of the same run if there is one',
  );
}

async function readWith<T>(path: string, make: (file: SafetensorsFile) => Promise<T>): Promise<T> {
  const file = await SafetensorsFile.open(path);
  try {
    return await make(file);
  } catch (error) {
    if (!(error instanceof DndError) || error.message.includes(path)) throw error;
    throw new DndError('CORRUPT_FILE', `${path}: ${error.message}`, { cause: error });
  } finally {
    await file.close();
  }
}
