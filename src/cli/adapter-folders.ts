import { join } from 'node:path';
import { DndError } from '../errors.js';
import { stemOf } from '../prompts/index.js';
import { checkFolderName, checkPath } from '../validation/index.js';

/** Name used for the prompts of standard input. */
const STANDARD_INPUT = '-';

/**
 * Output folders of the adapters: `out` itself for one file; for several, sub-folders named after the files.
 * @throws DndError INVALID_ARGUMENT when two files have the same name, or a name that is not a valid sub-folder of
 * `out`
 */
export function adapterFolders(files: readonly string[], out: string): string[] {
  checkPath(out, '--out');
  for (const file of files) checkPath(file, 'the file of an adapter');
  if (files.length === 1) return [out];
  const names = files.map((file) => {
    const name = file === STANDARD_INPUT ? 'stdin' : stemOf(file);
    return checkFolderName(name, `the adapter of the file ${file}, which is named after it`);
  });
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (twice >= 0)
    throw new DndError(
      'INVALID_ARGUMENT',
      `${files[names.indexOf(names[twice]!)]} and ${files[twice]} would both become ${join(out, names[twice]!)}; rename one of them`,
    );
  return names.map((name) => join(out, name));
}
