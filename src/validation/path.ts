import { DndError } from '../errors.js';
import { errorMessage } from './message.js';

/** In characters; no system has longer ones, and messages show a path whole. */
const LONGEST_PATH = process.platform === 'win32' ? 32_767 : 4096;

/**
 * A path that a caller gave, as it is. An empty one would mean the working folder.
 * @param what the argument or option, as in "the folder to save to"
 * @throws DndError INVALID_ARGUMENT for what is not a string, empty, longer than any path, or has a NUL character
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

/** Devices of Windows, with any extension, and what its names may not hold or end with. */
const WINDOWS_RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)|[<>:"|?*]|[. ]$/i;

/**
 * A name that becomes that of one folder inside another, as it is.
 * @throws DndError INVALID_ARGUMENT for a name that leads elsewhere (`..`, `a/b`, …) or that no folder can have
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
