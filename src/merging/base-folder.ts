import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PEFT_CONFIG_FILE } from '../adapter/index.js';
import { DndError } from '../errors.js';
import { CHECKSUMS_FILE, readError, readJson } from '../files/index.js';
import { isGguf } from '../formats/gguf/index.js';
import { SafetensorsSet } from '../formats/safetensors/index.js';
import { isObject } from '../validation/index.js';

/** A base model's folder: its open weights, and the files beside them. */
export interface BaseFolder {
  weights: SafetensorsSet;
  /** Its config.json. */
  config: Readonly<Record<string, unknown>>;
  /** Names of the files and folders that a merged model needs as they are: configuration, tokenizer, index. */
  copied: string[];
  /** Names of the others: weights in other formats, an adapter, hidden files. */
  skipped: string[];
}

/** The one folder that transformers writes into a model's. */
const COPIED_FOLDERS = ['additional_chat_templates'];

/** Weights of the unmerged base, which some readers prefer, and what describes them. */
const WEIGHTS =
  /\.(?:safetensors|bin|pt|pth|ckpt|gguf|ggml|onnx|onnx_data|h5|msgpack|ot|npz|tflite|mlmodel)$|\.index\.json$/i;

/** transformers would apply an adapter that it finds in a model's folder; checksums would be those of the base. */
const OTHERS = new Set<string>([PEFT_CONFIG_FILE, CHECKSUMS_FILE]);

/** As transformers chooses: a single file before the index of several. */
export const BASE_WEIGHTS: readonly string[] = ['model.safetensors', 'model.safetensors.index.json'];

/** Whether a file's name is that of weights, or of their index, in any format. */
export function isWeightsName(name: string): boolean {
  return WEIGHTS.test(name);
}

/**
 * Whether a merged model needs a file of its base as it is.
 * @param path in the base's folder, with forward slashes
 */
export function isCopiedWithBase(path: string): boolean {
  const [first = '', ...rest] = path.split('/');
  return rest.length === 0 ? isCopiedFile(first) : COPIED_FOLDERS.includes(first);
}

function isCopiedFile(name: string): boolean {
  return !name.startsWith('.') && !OTHERS.has(name) && !isWeightsName(name);
}

const CONFIG_FILE = 'config.json';

/** Without it nothing loads the merged model, and nothing tells what the weights are. */
async function readConfig(folder: string, names: ReadonlySet<string>): Promise<Record<string, unknown>> {
  const path = join(folder, CONFIG_FILE);
  if (!names.has(CONFIG_FILE))
    throw new DndError('FILE_NOT_FOUND', `${path} does not exist; give the whole folder of the base model`);
  const config = await readJson(path);
  if (isObject(config)) return config;
  throw new DndError('CORRUPT_FILE', `${path} is not a valid base model configuration: it is not a JSON object`);
}

/** @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, UNSUPPORTED_FORMAT as `SafetensorsSet.open` and `readJson` */
export async function openBaseFolder(folder: string): Promise<BaseFolder> {
  if (await isGguf(folder))
    throw new DndError(
      'UNSUPPORTED_FORMAT',
      `${folder} is a GGUF file, into which nothing is merged. Give the base model's folder, with config.json and safetensors`,
    );
  const entries = await readdir(folder).catch((error) => {
    throw readError(error, folder);
  });
  const names = new Set(entries);
  const config = await readConfig(folder, names);
  const found = BASE_WEIGHTS.find((name) => names.has(name));
  const weights = await SafetensorsSet.open(found === undefined ? folder : join(folder, found));
  const own = new Set(weights.paths.map((path) => basename(path)));
  const index = basename(weights.path).endsWith('.json') ? basename(weights.path) : undefined;
  const copied: string[] = [];
  const skipped: string[] = [];
  for (const name of names) {
    if (own.has(name)) continue;
    const needed = name === index || (await isNeeded(folder, name));
    (needed ? copied : skipped).push(name);
  }
  return { weights, config, copied: copied.sort(), skipped: skipped.sort() };
}

async function isNeeded(folder: string, name: string): Promise<boolean> {
  // A link to nothing, a pipe or a socket cannot be copied.
  const status = await stat(join(folder, name)).catch(() => undefined);
  if (status?.isDirectory()) return COPIED_FOLDERS.includes(name);
  return status?.isFile() === true && isCopiedFile(name);
}
