import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DndError } from '../errors.js';
import { isFileError, readError, readJson } from '../files/index.js';
import { isObject } from '../validation/index.js';

/** The files that define a text encoder's tokeniser. */
export interface TokeniserFolder {
  folder: string;
  config: string;
  tokenizer: string;
  /** Optional. */
  tokenizerConfig: string | undefined;
}

/** The files of a text encoder's folder. */
export interface ModelFolder extends TokeniserFolder {
  name: string;
  /** `model.safetensors`, the index of its parts, or else those of `pytorch_model.bin`. */
  weights: string;
}

/** In the order of precedence, as in transformers. */
export const ENCODER_WEIGHTS: readonly string[] = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
];

/** Whether a name is that of a file that a text encoder's folder needs beside its weights. */
export function isEncoderDescription(name: string): boolean {
  return /^(?:config|tokenizer|tokenizer_config|special_tokens_map)\.json$|^vocab\.txt$/.test(name);
}

/**
 * Finds the files of a text encoder in the layout of Hugging Face or sentence-transformers.
 * @throws DndError FILE_NOT_FOUND that names the missing file, READ_FAILED, CORRUPT_FILE
 */
export async function findModel(folder: string): Promise<ModelFolder> {
  const files = await findTokeniser(folder);
  const names = await listFolder(folder);
  const weights = ENCODER_WEIGHTS.find((name) => names.has(name));
  if (weights === undefined) throw missing(folder, 'model.safetensors', '');
  return { ...files, name: modelName(folder), weights: join(folder, weights) };
}

/**
 * Finds the files of a text encoder's tokeniser; the weights may be missing.
 * @throws DndError as `findModel`
 */
export async function findTokeniser(folder: string): Promise<TokeniserFolder> {
  const names = await listFolder(folder);
  if (!names.has('config.json')) throw missing(folder, 'config.json', await transformerAdvice(folder, names));
  if (!names.has('tokenizer.json')) {
    const advice = names.has('vocab.txt') ? "; save the model's fast tokenizer to get one" : '';
    throw missing(folder, 'tokenizer.json', advice);
  }
  return {
    folder,
    config: join(folder, 'config.json'),
    tokenizer: join(folder, 'tokenizer.json'),
    tokenizerConfig: names.has('tokenizer_config.json') ? join(folder, 'tokenizer_config.json') : undefined,
  };
}

/**
 * The `model_type` of a text encoder's config.json, unchecked.
 * @throws DndError as `findTokeniser`
 */
export async function modelTypeOf(folder: string): Promise<unknown> {
  const { config } = await findTokeniser(folder);
  const json = await readJson(config);
  return isObject(json) ? json.model_type : undefined;
}

function missing(folder: string, name: string, advice: string): DndError {
  return new DndError('FILE_NOT_FOUND', `${folder} is not a text encoder folder: it has no ${name}${advice}`);
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

/** Old sentence-transformers folders have the model in a sub-folder, named in `modules.json`. */
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
