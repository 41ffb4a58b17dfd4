import { join } from 'node:path';
import { DndError } from '../../errors.js';
import { isFolder, readJson } from '../../files/index.js';
import { GgufFile, isGguf } from '../../formats/gguf/index.js';
import { checkPath, invalidValue, isObject, isWholeNumber, wholeNumberRange } from '../../validation/index.js';
import { baseModelFromConfig, MAX_LAYERS } from '../base-config.js';
import { layersPathOf } from '../base-family.js';
import { allWidthsOf, type BaseModel } from '../base-model.js';
import { baseFields, baseSizes } from '../gguf-base.js';
import { architectureOfModelType } from '../gguf-model-types.js';
import { architectureOf } from './architectures.js';

/** The base model of a GGUF adapter, as far as the adapter depends on it. */
export interface GgufBase {
  /** Where it was read, for errors. */
  source: string;
  /** Its Hugging Face id or path, if known. */
  name: string | null;
  /** What llama.cpp calls its architecture. */
  architecture: string;
  /** Where transformers keeps its layers. */
  layersPath: string;
  /** Number of query heads per layer. */
  heads: number;
  /** Number of key and value heads per layer. */
  kvHeads: number;
  /** Number of decoder layers. */
  layers: number;
  /** Input and output width of `blk.{layer}.{weight}.weight`; undefined if the base has no such matrix. */
  weightShape(layer: number, weight: string): readonly [number, number] | undefined;
}

type Sizes = Omit<BaseModel, 'modelType'>;

function withSizes(sizes: Sizes, architecture: string, layersPath: string, source: string): GgufBase {
  const { name, heads, kvHeads, layers } = sizes;
  const { modules } = architectureOf(architecture, source);
  const widths = allWidthsOf(sizes);
  return {
    source,
    name,
    architecture,
    layersPath,
    heads,
    kvHeads,
    layers,
    weightShape: (layer, weight) =>
      layer < layers ? modules.find((module) => module.weight === weight)?.shape(widths) : undefined,
  };
}

/**
 * @param source for errors
 * @throws DndError UNSUPPORTED_BASE for a family whose GGUF adapters are not supported
 */
export function ggufBaseOf(base: BaseModel, source: string): GgufBase {
  const architecture = architectureOfModelType(base.modelType, source);
  return withSizes(base, architecture, layersPathOf(base.modelType), source);
}

/** GPT-2 has names of its own in config.json. Defaults: transformers' GPT2Config. */
function gpt2Base(config: Record<string, unknown>, source: string): GgufBase {
  const size = (key: string, fallback: number, largest = 2 ** 20): number => {
    const value = config[key] ?? fallback;
    if (isWholeNumber(value, 1, largest)) return value;
    throw invalidValue('CORRUPT_FILE', `${source}: ${key}`, wholeNumberRange(1, largest), value);
  };
  const hidden = size('n_embd', 768);
  const heads = size('n_head', 12);
  if (hidden % heads !== 0)
    throw new DndError('CORRUPT_FILE', `${source}: n_embd ${hidden} is not a multiple of n_head ${heads}`);
  const name = config._name_or_path;
  const sizes: Sizes = {
    name: typeof name === 'string' && name !== '' ? name : null,
    hidden,
    heads,
    kvHeads: heads,
    headDim: hidden / heads,
    intermediate: size('n_inner', 4 * hidden),
    layers: size('n_layer', 12, MAX_LAYERS),
  };
  return withSizes(sizes, 'gpt2', architectureOf('gpt2', source).layersPath, source);
}

async function readGguf(path: string): Promise<GgufBase> {
  const file = await GgufFile.open(path);
  await file.close();
  const fields = baseFields(file);
  const { architecture } = fields;
  const { layersPath } = architectureOf(architecture, path);
  const { name, heads, kvHeads, layers } = baseSizes(file, fields);
  return {
    source: path,
    name,
    architecture,
    layersPath,
    heads,
    kvHeads,
    layers,
    weightShape: (layer, weight) => {
      const shape = file.tensors.get(`blk.${layer}.${weight}.weight`)?.shape;
      return shape?.length === 2 ? [shape[0]!, shape[1]!] : undefined;
    },
  };
}

/**
 * Reads what a GGUF adapter has to know of its base model.
 * @param path a config.json, the folder of a base model that contains one, or a base model's GGUF file
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE; UNSUPPORTED_BASE for a family whose GGUF adapters are not
 * supported
 */
export async function readGgufBase(path: string): Promise<GgufBase> {
  checkPath(path, 'the base model');
  if (await isGguf(path)) return readGguf(path);
  const file = (await isFolder(path)) ? join(path, 'config.json') : path;
  const config = await readJson(file);
  if (isObject(config) && config.model_type === 'gpt2') return gpt2Base(config, file);
  return ggufBaseOf(baseModelFromConfig(config, file), file);
}
