import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DndError } from '../errors.js';
import { isFileError, readError, readJson } from '../files/index.js';

/** The files of a text encoder's folder. */
export interface ModelFolder {
  name: string;
  config: string;
  /** `model.safetensors`, or the index of its parts. */
  weights: string;
  tokenizer: string;
  /** Not every model has one. */
  tokenizerConfig: string | undefined;
}

/**
 * Finds what makes up a text encoder in the layout of Hugging Face or sentence-transformers.
 * @throws DndError FILE_NOT_FOUND that names the missing file, READ_FAILED, CORRUPT_FILE
 */
export async function findModel(folder: string): Promise<ModelFolder> {
  const names = await listFolder(folder);
  const find = (...wanted: string[]) => {
    const name = wanted.find((candidate) => names.has(candidate));
    return name === undefined ? undefined : join(folder, name);
  };
  const missing = (name: string, advice: string) =>
    new DndError('FILE_NOT_FOUND', `${folder} is no folder of a text encoder: it has no ${name}${advice}`);
  const config = find('config.json');
  if (config === undefined) throw missing('config.json', await transformerAdvice(folder, names));
  const tokenizer = find('tokenizer.json');
  if (tokenizer === undefined) {
    throw missing('tokenizer.json', names.has('vocab.txt') ? "; save the model's fast tokenizer to get one" : '');
  }
  const weights = find('model.safetensors', 'model.safetensors.index.json');
  if (weights === undefined) {
    throw missing('model.safetensors', names.has('pytorch_model.bin') ? '; save pytorch_model.bin as safetensors' : '');
  }
  return { name: modelName(folder), config, weights, tokenizer, tokenizerConfig: find('tokenizer_config.json') };
}

async function listFolder(folder: string): Promise<Set<string>> {
  try {
    return new Set(await readdir(folder));
  } catch (error) {
    if (!isFileError(error) || (error.code !== 'ENOENT' && error.code !== 'ENOTDIR')) throw readError(error, folder);
    const problem = error.code === 'ENOENT' ? 'does not exist' : 'is not a folder';
    throw new DndError(
      'FILE_NOT_FOUND',
      `text encoder ${folder} ${problem}; give the folder of a model such as all-MiniLM-L6-v2, or "hash"`,
      { cause: error },
    );
  }
}

/** Old folders of sentence-transformers keep the model in a folder of its own, which `modules.json` names. */
async function transformerAdvice(folder: string, names: ReadonlySet<string>): Promise<string> {
  if (!names.has('modules.json')) return '';
  const modules = await readJson(join(folder, 'modules.json'));
  const path = Array.isArray(modules) ? modules[0]?.path : undefined;
  return typeof path === 'string' && path !== '' ? `; its model is in ${join(folder, path)}: give that folder` : '';
}

/** The folder's name; in the cache of Hugging Face, where folders are named after commits, the model's. */
function modelName(folder: string): string {
  const path = resolve(folder).replaceAll('\\', '/');
  const cached = /\/models--([^/]+)\/snapshots\/[^/]+$/.exec(path);
  return cached ? cached[1]!.replaceAll('--', '/') : basename(path);
}
