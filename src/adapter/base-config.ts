import { join } from 'node:path';
import { DndError } from '../errors.js';
import { exists, isFolder, readJson } from '../files/index.js';
import { GgufFile, isGguf } from '../formats/gguf/index.js';
import {
  checkPath,
  errorMessage,
  invalidValue,
  isObject,
  isWholeNumber,
  quoteValue,
  wholeNumberRange,
} from '../validation/index.js';
import type { Missing, TextFamily } from './base-families.js';
import { BASE_TYPES, textFamily, wrapperFamily } from './base-family.js';
import type { BaseModel } from './base-model.js';
import { configFromGguf } from './gguf-config.js';

/** Configuration keys for the number of experts in a mixture of experts. */
const EXPERT_KEYS = ['num_experts', 'num_local_experts', 'n_routed_experts'];

/** Far above any real model: larger numbers are mistakes, and would produce endless tables. */
const MAX_WIDTH = 2 ** 20;
export const MAX_LAYERS = 2 ** 12;

type Config = Readonly<Record<string, unknown>>;

/** The part of a config.json that describes the language model. */
interface Text {
  config: Config;
  modelType: string;
  family: TextFamily;
  /** Whether it is in `text_config`. */
  nested: boolean;
  source: string;
}

function broken(source: string, what: string): DndError {
  return new DndError('CORRUPT_FILE', `${source} is not a valid base model configuration: ${what}`);
}

function unsupported(what: string): DndError {
  return new DndError('UNSUPPORTED_BASE', `${what}; supported are ${BASE_TYPES.join(', ')}`);
}

function refuseExperts(config: Config, modelType: string, source: string): void {
  if (textFamily(modelType)?.modules === 'attention') return;
  const key = EXPERT_KEYS.find((name) => typeof config[name] === 'number' && config[name] > 0);
  if (key === undefined && !/moe|mixtral/i.test(modelType)) return;
  const sign = key === undefined ? '' : ` (${key} is ${config[key]})`;
  throw unsupported(`${source}: ${quoteValue(modelType)} is a mixture of experts${sign}, which is not supported`);
}

/** The language model: the whole file, or what is in `text_config` of a model that wraps one. */
function textOf(config: Config, modelType: string, source: string): Text {
  const wrapper = wrapperFamily(modelType);
  const nested = wrapper !== undefined && isObject(config.text_config);
  if (wrapper && !nested && !wrapper.flat) {
    throw broken(
      source,
      `a base of type ${quoteValue(modelType)} has its language model in text_config, which is missing`,
    );
  }
  const text = nested ? (config.text_config as Config) : config;
  if (nested) refuseExperts(text, modelType, source);
  const textType = wrapper === undefined ? modelType : ((nested ? text.model_type : undefined) ?? wrapper.untyped);
  const family = textFamily(textType);
  if (!family || (wrapper && !wrapper.texts.includes(textType as string))) {
    const what = wrapper
      ? `${quoteValue(modelType)} with a language model of type ${quoteValue(textType)}`
      : quoteValue(modelType);
    throw unsupported(`${source}: base models of type ${what} are not supported`);
  }
  return { config: text, modelType: textType as string, family, nested, source };
}

/**
 * A positive whole number. transformers leaves out of `text_config` what equals its defaults; at the top level it
 * writes every size, so that a file without one is damaged.
 */
function size({ config, nested, source }: Text, key: string, max: number, missing: number): number {
  const value = config[key] === undefined && nested ? missing : config[key];
  if (isWholeNumber(value, 1, max)) return value;
  throw invalidValue('CORRUPT_FILE', `${source}: ${key}`, wholeNumberRange(1, max), value);
}

/** The same for a size whose default may follow from others. */
function derivableSize(text: Text, key: string, rule: Missing, derived: () => number): number {
  const given = text.config[key];
  if (given !== undefined && given !== null) return size(text, key, MAX_WIDTH, 0);
  const fallback = given === null ? rule.null : rule.missing;
  if (fallback === 'derived') return derived();
  if (fallback !== null) return fallback;
  throw new DndError(
    'CORRUPT_FILE',
    errorMessage({
      what: `${text.source}: ${key}`,
      problem: `is ${given === null ? 'null' : 'missing'}, for which transformers has no default in ${text.modelType}`,
      expected: wholeNumberRange(1, MAX_WIDTH),
      advice: 'set it',
    }),
  );
}

function headDimension(text: Text, hidden: number, heads: number): number {
  const { family, source } = text;
  const derived = () => {
    if (hidden % heads === 0) return hidden / heads;
    const why = family.headDim.ignored ? 'and head_dim follows from them' : 'and head_dim is missing';
    throw broken(source, `hidden_size ${hidden} is not a multiple of num_attention_heads ${heads}, ${why}`);
  };
  return family.headDim.ignored ? derived() : derivableSize(text, 'head_dim', family.headDim, derived);
}

function checkGroups(text: Text, heads: number, kvHeads: number): void {
  if (heads % kvHeads === 0) return;
  const given = (text.config.num_key_value_heads ?? null) !== null;
  const origin = given ? '' : `, the default of ${text.modelType} in transformers, as the file has none`;
  throw broken(
    text.source,
    `num_attention_heads ${heads} is not a multiple of num_key_value_heads ${kvHeads}${origin}`,
  );
}

/**
 * The shape of the base model that a Hugging Face `config.json` describes. What it leaves out, and null, have the
 * meaning that transformers gives them.
 * @param config the parsed file
 * @param source where it came from, for errors
 * @throws DndError UNSUPPORTED_BASE for another family, CORRUPT_FILE for sizes that are impossible or not determined
 */
export function baseModelFromConfig(config: unknown, source: string): BaseModel {
  if (!isObject(config)) throw broken(source, 'it is not a JSON object');
  const modelType = config.model_type;
  if (typeof modelType !== 'string' || modelType === '') throw unsupported(`${source} has no model_type`);
  refuseExperts(config, modelType, source);
  const text = textOf(config, modelType, source);
  const { family } = text;
  const hidden = size(text, 'hidden_size', MAX_WIDTH, family.hidden);
  const heads = size(text, 'num_attention_heads', MAX_WIDTH, family.heads);
  const kvHeads = derivableSize(text, 'num_key_value_heads', family.kvHeads, () => heads);
  checkGroups(text, heads, kvHeads);
  const headDim = headDimension(text, hidden, heads);
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
    intermediate: size(text, 'intermediate_size', MAX_WIDTH, family.intermediate),
    layers: size(text, 'num_hidden_layers', MAX_LAYERS, family.layers),
  };
}

/**
 * Reads the shape of a base model.
 * @param path a config.json, the folder of a base model that holds one, or a base model's GGUF file
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE; NEWER_FORMAT for a GGUF file; UNSUPPORTED_BASE for a
 * model of another family
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

/** Whether `readBaseModel` would find a base model there: one with a config.json, or a GGUF file. */
export async function isBaseModel(path: string): Promise<boolean> {
  return (await exists(join(path, 'config.json'))) || (await isGguf(path));
}

/** A base model as a config.json describes it: what `baseModelFromConfig` reads back. */
export function configOfBase(base: BaseModel): Record<string, unknown> {
  const wrapper = wrapperFamily(base.modelType);
  const nested = wrapper !== undefined && !wrapper.flat;
  const sizes = {
    hidden_size: base.hidden,
    num_attention_heads: base.heads,
    num_key_value_heads: base.kvHeads,
    head_dim: base.headDim,
    intermediate_size: base.intermediate,
    num_hidden_layers: base.layers,
  };
  return {
    ...(base.name === null ? {} : { _name_or_path: base.name }),
    model_type: base.modelType,
    ...(nested ? { text_config: { model_type: wrapper.untyped, ...sizes } } : sizes),
  };
}
