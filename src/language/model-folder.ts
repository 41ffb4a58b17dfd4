import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DndError } from '../errors.js';
import { isFileError, readError, readJson, readText } from '../files/index.js';
import { isGguf } from '../formats/gguf/index.js';
import { SafetensorsSet } from '../formats/safetensors/index.js';
import { readGgufModel } from './gguf/model.js';
import type { WeightReader } from './weights.js';

/** What describes a causal language model: in the layout of Hugging Face, or in a GGUF file. */
export interface LanguageModelFiles {
  /** The model's folder or GGUF file, for messages. */
  folder: string;
  /** Path of config.json, or of the GGUF file, for messages; and the contents. */
  configPath: string;
  config: unknown;
  /** By which rotary frequencies are divided, beside what `config` says; undefined: by nothing. */
  frequencyFactors: readonly number[] | undefined;
  /** Contents of tokenizer.json. */
  tokenizer: unknown;
  /** Contents of tokenizer_config.json and generation_config.json; {} where there is none. */
  tokenizerConfig: unknown;
  generationConfig: unknown;
  /** Contents of chat_template.jinja; undefined where there is none. */
  chatTemplate: string | undefined;
  openWeights(): Promise<WeightReader>;
}

const WEIGHTS = ['model.safetensors', 'model.safetensors.index.json'];
const TOKENIZER_FILE = 'tokenizer.json';

/**
 * Reads what describes a model, but not its weights.
 * @param path a folder in the layout of Hugging Face, or a GGUF file
 * @throws DndError as `readModelFolder` and `readGgufModel`
 */
export async function readModelFiles(path: string): Promise<LanguageModelFiles> {
  return (await isGguf(path)) ? readGgufModel(path) : readModelFolder(path);
}

/**
 * The files with a model's weights: of a folder those in safetensors, in the order of their names, or its GGUF file.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE
 */
export async function weightFiles(path: string): Promise<string[]> {
  if (await isGguf(path)) return [path];
  const weights = await SafetensorsSet.open(join(path, 'model'));
  await weights.close();
  return weights.paths;
}

/**
 * Reads a model's folder, but not its weights.
 * @throws DndError FILE_NOT_FOUND that names the missing file, READ_FAILED, CORRUPT_FILE
 */
export async function readModelFolder(folder: string): Promise<LanguageModelFiles> {
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
        : `; to use ${gguf}, give its path`;
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
    frequencyFactors: undefined,
    openWeights: () => SafetensorsSet.open(join(folder, weights)),
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
      `language model ${folder} ${problem}; give the folder with its config.json, model.safetensors and tokenizer.json, or a GGUF file`,
      { cause: error },
    );
  }
}
