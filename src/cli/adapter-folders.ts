import { basename, extname, join } from 'node:path';
import { DndError } from '../errors.js';
import { checkFolderName, checkPath } from '../validation/index.js';

/** What `--prompts` calls standard input, which has no name of its own. */
const STANDARD_INPUT = '-';

/**
 * Where the adapters of several prompt files go: one file's to `out` itself, several files' to sub-folders named after
 * them.
 * @throws DndError INVALID_ARGUMENT when two files have the same name, or one that is no folder inside `out`
 */
export function adapterFolders(files: readonly string[], out: string): string[] {
  checkPath(out, '--out');
  for (const file of files) checkPath(file, '--prompts');
  if (files.length === 1) return [out];
  const names = files.map((file) => {
    const name = file === STANDARD_INPUT ? 'stdin' : basename(file, extname(file));
    return checkFolderName(name, `the adapter of the prompt file ${file}, which is named after it`);
  });
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (twice >= 0)
    throw new DndError(
      'INVALID_ARGUMENT',
      `${files[names.indexOf(names[twice]!)]} and ${files[twice]} would both become ${join(out, names[twice]!)}; rename one of them`,
    );
  return names.map((name) => join(out, name));
}
