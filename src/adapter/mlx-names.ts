import { LAYERS_PATH, type Part, parseModulePath } from './names.js';

/** The file of mlx-lm's weights in an adapter folder, and those that it keeps of a training run. */
export const MLX_TENSORS_FILE = 'adapters.safetensors';

/** Where mlx-lm keeps the layers of a model with an image encoder, and where transformers does, now and before 4.52. */
const WRAPPED_PATH = 'language_model.model.layers';
const WRAPPED_PATHS = ['model.language_model.layers', WRAPPED_PATH];

/** A module of a layer as mlx-lm names it. */
export interface MlxModule {
  /** From the model: `model.layers.0.self_attn.q_proj`. */
  path: string;
  /** From its layer: `self_attn.q_proj`. */
  key: string;
  layer: number;
}

/** The module that transformers names `module`; undefined for one that this package does not know in mlx-lm. */
export function mlxModule(module: string): MlxModule | undefined {
  const place = parseModulePath(module);
  if (!place) return undefined;
  const { layersPath, layer } = place;
  const key = `${place.module.parent}.${place.module.name}`;
  if (layersPath === LAYERS_PATH) return { path: module, key, layer };
  return WRAPPED_PATHS.includes(layersPath) ? { path: `${WRAPPED_PATH}.${layer}.${key}`, key, layer } : undefined;
}

export function mlxTensorName(path: string, part: Part): string {
  return `${path}.lora_${part.toLowerCase()}`;
}

/** The module, as transformers names it, and the matrix that a tensor of mlx-lm is; undefined for any other tensor. */
export function parseMlxName(name: string): { module: string; part: Part } | undefined {
  const match = /^(.+)\.lora_([ab])$/.exec(name);
  if (!match) return undefined;
  const module = match[1]!
    .replace(/^language_model\.model\./, 'model.language_model.')
    .replace(/^language_model\./, '');
  return { module, part: match[2] === 'a' ? 'A' : 'B' };
}

/** The layer of a module, and its name within it; undefined for a module that is in none. */
export function layerOf(module: string): { layer: number; key: string } | undefined {
  const match = /(?:^|\.)layers\.(0|[1-9]\d{0,5})\.(.+)$/.exec(module);
  return match ? { layer: Number(match[1]), key: match[2]! } : undefined;
}
