import type { DndError } from '../errors.js';
import { readError } from './errors.js';
import type { OpenFile } from './open-file.js';

/** read() is limited to less than 2 GiB; smaller reads let other work use Node's thread pool in between. */
const READ_BYTES = 2 ** 26;

/**
 * Fills `into` with the bytes at `position`. Errors: those of node:fs.
 * @returns the number of bytes read: less than `into` holds only where the file ends
 */
export async function readFully(file: OpenFile, into: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const length = Math.min(into.length - done, READ_BYTES);
    const bytesRead = await file.read(into.subarray(done, done + length), position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/**
 * Fills `into` with the bytes at `position` of the file at `path`.
 * @param tooShort the error where the file ends before; it had been long enough when its size was looked at
 * @throws DndError READ_FAILED, and what `tooShort` makes
 */
export async function readExactly(
  file: OpenFile,
  into: Uint8Array,
  position: number,
  path: string,
  tooShort: () => DndError,
): Promise<void> {
  const bytesRead = await readFully(file, into, position).catch((error) => {
    throw readError(error, path);
  });
  if (bytesRead < into.length) throw tooShort();
}
