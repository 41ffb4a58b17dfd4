import type { Part } from '../names.js';
import type { Architecture, GgufModule } from './architectures.js';

/** The metadata of a GGUF adapter. Source: llama.cpp, `llama_adapter_lora_init_impl`. */
export const TYPE_KEY = 'general.type';
export const TYPE = 'adapter';
export const ARCHITECTURE_KEY = 'general.architecture';
export const ADAPTER_TYPE_KEY = 'adapter.type';
export const ADAPTER_TYPE = 'lora';
export const ALPHA_KEY = 'adapter.lora.alpha';
/** Optional: the base model, for people and for the way back. */
export const BASE_COUNT_KEY = 'general.base_model.count';
export const BASE_NAME_KEY = 'general.base_model.0.name';
export const BASE_URL_KEY = 'general.base_model.0.repo_url';

/** A projection of a certain layer. */
export interface Place {
  layer: number;
  module: GgufModule;
}

/** Layers of language models in all the places where transformers, or a wrapper of images and text, keeps them. */
const LAYERS_PATH = /^(?:(?:model\.)?(?:language_model\.)?(?:model\.)?layers|transformer\.h)$/;

/** Where a module of an adapter is; undefined for one that llama.cpp has no weight for. */
export function placeOfModule(module: string, { modules }: Architecture): Place | undefined {
  const match = /^(.+)\.(0|[1-9]\d{0,5})\.(\w+\.\w+)$/.exec(module);
  if (!match || !LAYERS_PATH.test(match[1]!)) return undefined;
  const found = modules.find(({ path }) => path === match[3]);
  return found && { layer: Number(match[2]), module: found };
}

/** llama.cpp's name of the base's weight. */
export function weightName({ layer, module }: Place): string {
  return `blk.${layer}.${module.weight}.weight`;
}

/** Of one of the two matrices. */
export function ggufName(place: Place, part: Part): string {
  return `${weightName(place)}.lora_${part.toLowerCase()}`;
}

/** The base's weight and the part that a tensor of a GGUF adapter belongs to; undefined for any other tensor. */
export function parseGgufName(name: string): { weight: string; part: Part } | undefined {
  const match = /^(.+)\.lora_([ab])$/.exec(name);
  return match ? { weight: match[1]!, part: match[2] === 'a' ? 'A' : 'B' } : undefined;
}

/** Where a weight of the base is; undefined for one that adapters of this architecture cannot have. */
export function placeOfWeight(weight: string, { modules }: Architecture): Place | undefined {
  const match = /^blk\.(0|[1-9]\d{0,5})\.(\w+)\.weight$/.exec(weight);
  const module = match && modules.find((known) => known.weight === match[2]);
  return module ? { layer: Number(match[1]), module } : undefined;
}
