import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DndError } from '../errors.js';
import { isFileError, readError, readJson, readText } from '../files/index.js';

/** The files of a causal language model in the layout of Hugging Face. */
export interface LanguageModelFolder {
  folder: string;
  /** Path of config.json, for messages, and its contents. */
  configPath: string;
  config: unknown;
  /** Path of `model.safetensors`, or of the index of its parts. */
  weights: string;
  /** Path and contents of tokenizer.json. */
  tokenizerPath: string;
  tokenizer: unknown;
  /** Contents of tokenizer_config.json and generation_config.json; {} where there is none. */
  tokenizerConfig: unknown;
  generationConfig: unknown;
  /** Contents of chat_template.jinja; undefined where there is none. */
  chatTemplate: string | undefined;
}

const WEIGHTS = ['model.safetensors', 'model.safetensors.index.json'];
const TOKENIZER_FILE = 'tokenizer.json';

/**
 * Reads a model's folder, but not its weights.
 * @throws DndError FILE_NOT_FOUND that names the missing file, READ_FAILED, CORRUPT_FILE
 */
export async function readModelFolder(folder: string): Promise<LanguageModelFolder> {
  const names = await listFolder(folder);
  const missing = (name: string, advice: string) =>
    new DndError('FILE_NOT_FOUND', `${folder} is not a language model folder: it has no ${name}${advice}`);
  if (!names.has('config.json')) throw missing('config.json', '; give the folder that save_pretrained wrote');
  const weights = WEIGHTS.find((name) => names.has(name));
  if (weights === undefined) {
    const gguf = [...names].find((name) => name.endsWith('.gguf'));
    const advice = names.has('pytorch_model.bin')
      ? '; save pytorch_model.bin as safetensors'
      : gguf === undefined
        ? ''
        : `; ${gguf} is quantised, and the weights in safetensors are needed`;
    throw missing('model.safetensors', advice);
  }
  if (!names.has(TOKENIZER_FILE)) {
    const old = ['tokenizer.model', 'vocab.json'].some((name) => names.has(name));
    throw missing(TOKENIZER_FILE, old ? "; save the model's fast tokenizer to get one" : '');
  }
  const optional = async (name: string) => (names.has(name) ? readJson(join(folder, name)) : {});
  const template = 'chat_template.jinja';
  return {
    folder,
    configPath: join(folder, 'config.json'),
    config: await readJson(join(folder, 'config.json')),
    weights: join(folder, weights),
    tokenizerPath: join(folder, TOKENIZER_FILE),
    tokenizer: await readJson(join(folder, TOKENIZER_FILE)),
    tokenizerConfig: await optional('tokenizer_config.json'),
    generationConfig: await optional('generation_config.json'),
    chatTemplate: names.has(template) ? await readText(join(folder, template), 'chat template') : undefined,
  };
}

async function listFolder(folder: string): Promise<Set<string>> {
  try {
    return new Set(await readdir(folder));
  } catch (error) {
    if (!isFileError(error) || (error.code !== 'ENOENT' && error.code !== 'ENOTDIR')) throw readError(error, folder);
    const problem = error.code === 'ENOENT' ? 'does not exist' : 'is not a folder';
    throw new DndError(
      'FILE_NOT_FOUND',
      `language model ${folder} ${problem}; give the folder with its config.json, model.safetensors and tokenizer.json`,
      { cause: error },
    );
  }
}
