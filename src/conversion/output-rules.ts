import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DndError } from '../errors.js';
import { checkFileOutput, isFolder, readError, refuseExistingFile, refuseInputAsOutput } from '../files/index.js';
import { type ConvertOptions, OPTION_NAMES, type OutputKind } from './types.js';

/** Names of files, which a folder must not have by mistake. */
export function isFileName(path: string): boolean {
  return /\.(?:gguf|safetensors|npz|bin|pth|pt|ckpt)$/i.test(path);
}

/** @throws DndError OUTPUT_EXISTS without `force`, NOT_WRITABLE */
export async function checkNewFile(path: string, force: boolean | undefined): Promise<void> {
  await refuseExistingFile(path, force);
  await checkFileOutput(path);
}

/** Ignored, they would look as if they had meant something. */
export function refuseOtherOptions(input: string, { what, accepts }: OutputKind, options: ConvertOptions): void {
  const given = OPTION_NAMES.filter((name) => options[name] !== undefined && !accepts.includes(name));
  if (given.length === 0) return;
  throw new DndError(
    'INVALID_ARGUMENT',
    `${input} becomes ${what}, for which ${given.join(', ')} ${given.length === 1 ? 'means' : 'mean'} nothing. Leave ${given.length === 1 ? 'it' : 'them'} out`,
  );
}

/**
 * Checks that the output replaces nothing that is read, even by force: no input, nothing that contains one, and no file in
 * the folder of one but an earlier .gguf.
 * @throws DndError INVALID_ARGUMENT, READ_FAILED
 */
export async function refuseOverwritingInputs(
  input: string,
  output: string,
  { base, encoder }: ConvertOptions,
): Promise<void> {
  const paths = [input, base, encoder === 'hash' ? undefined : encoder].filter((path) => path !== undefined);
  const files = await Promise.all(paths.map(filesOf));
  await refuseInputAsOutput(output, [...paths, ...files.flat()]);
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await isFolder(path))) return [];
  const entries = await readdir(path, { withFileTypes: true }).catch((error) => {
    throw readError(error, path);
  });
  return entries.filter((entry) => entry.isFile() && !/\.gguf$/i.test(entry.name)).map(({ name }) => join(path, name));
}
