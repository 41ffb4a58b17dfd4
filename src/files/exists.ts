import { access, stat } from 'node:fs/promises';
import { isFileError, readError } from './errors.js';

/** Whether `path` exists. A path that this process may not access counts as absent. */
export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Whether `path` is a folder, or a link to one. A path that this process may not access counts as absent. */
export function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}

/**
 * The file status of `path`, links followed; undefined if it does not exist.
 * @throws DndError READ_FAILED if that cannot be determined
 */
export async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if (isFileError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw readError(error, path);
  }
}
