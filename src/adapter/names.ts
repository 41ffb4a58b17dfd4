import { MODULES, type Module } from './modules.js';

/** PEFT's prefix of every base model name. */
export const PEFT_PREFIX = 'base_model.model.';

/** The default module path of a base model's layers. */
export const LAYERS_PATH = 'model.layers';

/** Which of the two matrices: A `[rank, input width]` or B `[output width, rank]`. */
export type Part = 'A' | 'B';

/** `module` is the base model's own name of it, such as `model.layers.0.self_attn.q_proj`. */
export function tensorName(module: string, part: Part): string {
  return `${PEFT_PREFIX}${module}.lora_${part}.weight`;
}

export function modulePath(layersPath: string, layer: number, module: Module): string {
  return `${layersPath}.${layer}.${module.parent}.${module.name}`;
}

/**
 * The module and part that a tensor of an adapter belongs to. PEFT's prefix may be missing; in a running model's own
 * names the adapter's name, `default`, precedes `weight`. Undefined for any other tensor.
 */
export function parseTensorName(name: string): { module: string; part: Part } | undefined {
  const match = /^(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(name);
  return match ? { module: match[1]!, part: match[2] as Part } : undefined;
}

/** Parses the path of a projection in a layer; undefined for a module that is not in MODULES. */
export function parseModulePath(path: string): { layersPath: string; layer: number; module: Module } | undefined {
  const match = /^((?:.*\.)?layers)\.(0|[1-9]\d{0,5})\.(\w+)\.(\w+)$/.exec(path);
  const module = match && MODULES.find(({ name, parent }) => parent === match[3] && name === match[4]);
  return module ? { layersPath: match[1]!, layer: Number(match[2]), module } : undefined;
}

/**
 * The key of a matrix, independent of its name's prefix: `0.q_proj.A`; undefined for a module that is not in MODULES.
 */
export function placeKey(name: string): string | undefined {
  const parsed = parseTensorName(name);
  const place = parsed && parseModulePath(parsed.module);
  return place ? `${place.layer}.${place.module.name}.${parsed.part}` : undefined;
}
