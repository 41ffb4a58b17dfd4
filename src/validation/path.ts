import { DndError } from '../errors.js';
import { errorMessage } from './message.js';

/** In characters; no system has longer paths, and messages show whole paths. */
const LONGEST_PATH = process.platform === 'win32' ? 32_767 : 4096;

/**
 * Validates a path from a caller. An empty one would mean the working folder.
 * @param what the argument or option, as in "the folder to save to"
 * @throws DndError INVALID_ARGUMENT unless it is a non-empty string without NUL characters and not longer than any path
 */
export function checkPath(path: unknown, what: string): string {
  const possible = typeof path === 'string' && path !== '' && path.length <= LONGEST_PATH;
  if (possible && !path.includes('\0')) return path;
  const advice = path === '' ? 'name the folder or file; "." is the working folder' : undefined;
  throw new DndError(
    'INVALID_ARGUMENT',
    errorMessage({
      what,
      problem: 'is not a path',
      expected: `a text of 1 to ${LONGEST_PATH} characters`,
      got: path,
      advice,
    }),
  );
}

/** Windows device names, with any extension, and characters that its names may not contain or end with. */
const WINDOWS_RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)|[<>:"|?*]|[. ]$/i;

/**
 * Validates a name for a sub-folder.
 * @throws DndError INVALID_ARGUMENT for a name that leaves the folder (`..`, `a/b`, …) or is not a valid folder name
 */
export function checkFolderName(name: unknown, what: string, platform: string = process.platform): string {
  const plain =
    typeof name === 'string' && name.trim() !== '' && !/[/\\\0]/.test(name) && name !== '.' && name !== '..';
  if (plain && !(platform === 'win32' && WINDOWS_RESERVED.test(name))) return name;
  throw new DndError(
    'INVALID_ARGUMENT',
    errorMessage({
      what,
      problem: 'cannot be the name of a folder',
      expected: "a name that is not empty, '.' or '..' and has no slash, backslash or NUL character",
      got: name,
    }),
  );
}
