import { join } from 'node:path';
import { DndError } from '../errors.js';
import { isFolder, readJson } from '../files/index.js';
import { GgufFile, isGguf } from '../formats/gguf/index.js';
import { checkPath, invalidValue, isObject, isWholeNumber, quoteValue, wholeNumberRange } from '../validation/index.js';
import { configFromGguf } from './gguf-config.js';
import type { Widths } from './modules.js';
import { LAYERS_PATH } from './names.js';

/** The shape of a base model, as far as an adapter depends on it. */
export interface BaseModel {
  /** Its Hugging Face id or path, if its configuration has one. */
  name: string | null;
  /** `model_type` of its config.json. */
  modelType: string;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  intermediate: number;
  layers: number;
}

interface Family {
  /** The language model is described in `text_config` (in older files at the top level). */
  nested?: boolean;
  /** The head dimension that transformers uses when the file has none. Default: hidden size / heads. */
  headDim?: number;
  /** Where transformers keeps the layers, when not at `model.layers`. */
  layersPath?: string;
  /** Modules, as a regular expression, that share names with the layers' but are not adapted. */
  excludeModules?: string;
}

/** Measured with transformers 5.23 and PEFT 0.21; the image encoder has projections of the same names. */
const VISION: Family = {
  nested: true,
  layersPath: 'model.language_model.layers',
  excludeModules: '.*\\bvisual\\..*',
};

/** Every `model_type` whose layers have the seven projections of MODULES, under those names. */
const FAMILIES: Readonly<Record<string, Family>> = {
  llama: {},
  mistral: {},
  qwen2: {},
  qwen3: { headDim: 128 },
  qwen2_vl: VISION,
  qwen2_vl_text: {},
  qwen2_5_vl: VISION,
  qwen2_5_vl_text: {},
};
const WORKING = 'models of the Llama, Mistral, Qwen2, Qwen2.5-VL and Qwen3 families are';

/** Configuration keys for the number of experts in a mixture of experts. */
const EXPERT_KEYS = ['num_experts', 'num_local_experts', 'n_routed_experts'];

/** Far above any real model: larger numbers are mistakes, and would produce endless tables. */
const MAX_WIDTH = 2 ** 20;
export const MAX_LAYERS = 2 ** 12;

type Config = Record<string, unknown>;

function broken(source: string, what: string): DndError {
  return new DndError('CORRUPT_FILE', `${source} is not a valid base model configuration: ${what}`);
}

/** A positive integer, or `fallback` where the configuration has none (or null). */
function size(config: Config, key: string, max: number, source: string, fallback?: number): number {
  const value = config[key] ?? fallback;
  if (isWholeNumber(value, 1, max)) return value;
  throw invalidValue('CORRUPT_FILE', `${source}: ${key}`, wholeNumberRange(1, max), value);
}

function refuseExperts(config: Config, modelType: string, source: string): void {
  const key = EXPERT_KEYS.find((name) => typeof config[name] === 'number' && config[name] > 0);
  if (key === undefined && !/moe|mixtral/i.test(modelType)) return;
  const sign = key === undefined ? '' : ` (${key} is ${config[key]})`;
  throw new DndError(
    'UNSUPPORTED_BASE',
    `${source}: ${quoteValue(modelType)} is a mixture of experts${sign}, which is not supported; dense ${WORKING}`,
  );
}

function headDimension(config: Config, family: Family, hidden: number, heads: number, source: string): number {
  const given = config.head_dim ?? family.headDim;
  if (given === undefined && hidden % heads !== 0) {
    throw broken(
      source,
      `hidden_size ${hidden} is not a multiple of num_attention_heads ${heads}, and head_dim is missing`,
    );
  }
  return size(config, 'head_dim', MAX_WIDTH, source, given === undefined ? hidden / heads : family.headDim);
}

/**
 * The shape of the base model that a Hugging Face `config.json` describes.
 * @param config the parsed file
 * @param source where it came from, for errors
 * @throws DndError UNSUPPORTED_BASE for another family, CORRUPT_FILE for sizes that are missing or impossible
 */
export function baseModelFromConfig(config: unknown, source: string): BaseModel {
  if (!isObject(config)) throw broken(source, 'it is not a JSON object');
  const modelType = config.model_type;
  if (typeof modelType !== 'string' || modelType === '') {
    throw new DndError('UNSUPPORTED_BASE', `${source} has no model_type; ${WORKING} supported`);
  }
  refuseExperts(config, modelType, source);
  if (!Object.hasOwn(FAMILIES, modelType)) {
    throw new DndError(
      'UNSUPPORTED_BASE',
      `${source}: base models of type ${quoteValue(modelType)} are not supported; ${WORKING}`,
    );
  }
  const family = FAMILIES[modelType]!;
  const text = family.nested && isObject(config.text_config) ? config.text_config : config;
  refuseExperts(text, modelType, source);
  const hidden = size(text, 'hidden_size', MAX_WIDTH, source);
  const heads = size(text, 'num_attention_heads', MAX_WIDTH, source);
  const kvHeads = size(text, 'num_key_value_heads', MAX_WIDTH, source, heads);
  if (heads % kvHeads !== 0) {
    throw broken(source, `num_attention_heads ${heads} is not a multiple of num_key_value_heads ${kvHeads}`);
  }
  const headDim = headDimension(text, family, hidden, heads, source);
  if (heads * headDim > MAX_WIDTH) {
    throw broken(source, `${heads} heads of head_dim ${headDim} are wider than ${MAX_WIDTH}`);
  }
  const name = config._name_or_path;
  return {
    name: typeof name === 'string' && name !== '' ? name : null,
    modelType,
    hidden,
    heads,
    kvHeads,
    headDim,
    intermediate: size(text, 'intermediate_size', MAX_WIDTH, source),
    layers: size(text, 'num_hidden_layers', MAX_LAYERS, source),
  };
}

/**
 * @param path a config.json, the folder of a base model that holds one, or a base model's GGUF file
 * @throws DndError as `baseModelFromConfig`, for a GGUF file as `configFromGguf`, and FILE_NOT_FOUND, READ_FAILED
 */
export async function readBaseModel(path: string): Promise<BaseModel> {
  checkPath(path, 'the base model');
  if (await isGguf(path)) {
    const file = await GgufFile.open(path);
    await file.close();
    return baseModelFromConfig(configFromGguf(file), path);
  }
  const file = (await isFolder(path)) ? join(path, 'config.json') : path;
  return baseModelFromConfig(await readJson(file), file);
}

/** Module path of the layers in a base model of this `model_type`: the prefix of an adapter's tensor names. */
export function layersPathOf(modelType: string): string {
  return (Object.hasOwn(FAMILIES, modelType) && FAMILIES[modelType]!.layersPath) || LAYERS_PATH;
}

/** For PEFT's `exclude_modules`, given where an adapter's layers are: see `Family`. */
export function excludedModulesOf(layersPath: string): string | null {
  return Object.values(FAMILIES).find((family) => family.layersPath === layersPath)?.excludeModules ?? null;
}

/** The widths of a base model's projections. */
export function widthsOf(base: BaseModel): Widths {
  return {
    hidden: base.hidden,
    query: base.heads * base.headDim,
    keyValue: base.kvHeads * base.headDim,
    intermediate: base.intermediate,
  };
}
