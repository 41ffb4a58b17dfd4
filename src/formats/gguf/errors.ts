import { DndError } from '../../errors.js';

export function corrupt(path: string, what: string): DndError {
  return new DndError('CORRUPT_FILE', `${path} is not a valid GGUF file: ${what}`);
}

export function unsupported(path: string, what: string): DndError {
  return new DndError('UNSUPPORTED_FORMAT', `${path}: ${what}`);
}
