import { constants } from 'node:buffer';
import { DndError } from '../errors.js';
import { quote } from '../validation/index.js';

/**
 * Memory for a whole tensor.
 * @throws DndError OUT_OF_MEMORY if it is larger than Node's largest array, or than the available memory
 */
export function allocateTensor(byteLength: number, path: string, name: string): Uint8Array<ArrayBuffer> {
  const fix = 'read it in pieces, with chunks()';
  if (byteLength > constants.MAX_LENGTH) {
    throw new DndError(
      'OUT_OF_MEMORY',
      `${path}: tensor ${quote(name)} is too large to be read at once (${byteLength} bytes); ${fix}`,
    );
  }
  try {
    return new Uint8Array(byteLength);
  } catch (cause) {
    const message = `${path}: not enough memory for tensor ${quote(name)} (${byteLength} bytes); ${fix}`;
    throw new DndError('OUT_OF_MEMORY', message, { cause });
  }
}
