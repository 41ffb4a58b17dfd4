import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DndError } from '../../errors.js';
import { kindOf, readError } from '../../files/index.js';
import type { TensorPlace } from '../tensor-place.js';
import { SafetensorsFile } from './file.js';
import { INDEX_SUFFIX, openShards, Shards } from './shards.js';

const FILE_SUFFIX = '.safetensors';

/** The only file, or else the only index, in a folder. A single file takes precedence, as in transformers. */
async function findInFolder(folder: string): Promise<string> {
  const names = await readdir(folder).catch((error) => {
    throw readError(error, folder);
  });
  const indices = names.filter((name) => name.endsWith(INDEX_SUFFIX));
  // Shards of a set do not count as files.
  const files = names.filter((name) => name.endsWith(FILE_SUFFIX) && !/-\d{5}-of-\d{5}\.safetensors$/.test(name));
  const candidates = files.length > 0 ? files : indices;
  if (candidates.length === 1) return join(folder, candidates[0]!);
  if (candidates.length === 0) {
    throw new DndError('FILE_NOT_FOUND', `${folder} contains no .safetensors file and no index (*${INDEX_SUFFIX})`);
  }
  const choice = candidates.slice(0, 5).join(', ');
  throw new DndError('INVALID_ARGUMENT', `${folder} contains several safetensors files. Name one of them: ${choice}`);
}

async function locate(path: string): Promise<string> {
  const kind = await kindOf(path);
  if (kind === 'folder') return findInFolder(path);
  if (kind === 'file') return path;
  for (const suffix of [FILE_SUFFIX, INDEX_SUFFIX]) {
    if ((await kindOf(path + suffix)) === 'file') return path + suffix;
  }
  throw new DndError(
    'FILE_NOT_FOUND',
    `no safetensors file found; tried ${path}, ${path}${FILE_SUFFIX} and ${path}${INDEX_SUFFIX}`,
  );
}

/**
 * The tensors of a safetensors file, or of a set of files with an index, read as if they were one file.
 * Errors: as `SafetensorsFile`.
 */
export class SafetensorsSet extends Shards<SafetensorsFile> {
  /**
   * @param path a `.safetensors` file; an index; a folder that contains one of them; or `<folder>/<base>` for
   * `<base>.safetensors` or `<base>.safetensors.index.json`
   */
  static async open(path: string): Promise<SafetensorsSet> {
    const found = await locate(path);
    const files = found.endsWith(INDEX_SUFFIX)
      ? await openShards(found, (file) => SafetensorsFile.open(file))
      : [await SafetensorsFile.open(found)];
    return new SafetensorsSet(found, files);
  }

  place(name: string): TensorPlace {
    return this.holder(name).place(name);
  }
}
