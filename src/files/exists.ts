import { access, stat } from 'node:fs/promises';
import { isFileError, readError } from './errors.js';

/** Whether there is something at `path`. What this process may not look at counts as absent. */
export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Whether there is a folder at `path`, or a link to one. What this process may not look at counts as absent. */
export function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}

/**
 * What is at `path`, links followed; undefined where nothing is.
 * @throws DndError READ_FAILED where that cannot be told
 */
export async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if (isFileError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw readError(error, path);
  }
}
