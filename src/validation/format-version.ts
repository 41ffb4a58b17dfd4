import { DndError } from '../errors.js';

/**
 * Refuses a file whose format is newer than the newest that this version knows.
 * @param what of: 'generator', 'run' …
 * @throws DndError NEWER_FORMAT
 */
export function checkFormatVersion(version: number, newest: number, what: string, source: string): void {
  if (version <= newest) return;
  throw new DndError(
    'NEWER_FORMAT',
    `${source} has ${what} format ${version}, and this version of dnd-lora reads up to format ${newest}: update dnd-lora to read it`,
  );
}
