import { DndError } from '../errors.js';

/**
 * Rejects a file with a newer format version than this package supports.
 * @param what kind of file: 'generator', 'run' …
 * @throws DndError NEWER_FORMAT
 */
export function checkFormatVersion(version: number, newest: number, what: string, source: string): void {
  if (version <= newest) return;
  throw new DndError(
    'NEWER_FORMAT',
    `${source} has ${what} format ${version}, and this version of dnd-lora reads up to format ${newest}: update dnd-lora to read it`,
  );
}
