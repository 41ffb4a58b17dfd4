import { MODULES, type Module } from './modules.js';

/** PEFT's prefix of every base model name. */
export const PEFT_PREFIX = 'base_model.model.';

/** The default module path of a base model's layers. */
export const LAYERS_PATH = 'model.layers';

/** Which of the two matrices: A `[rank, input width]` or B `[output width, rank]`. */
export type Part = 'A' | 'B';

/**
 * Modules that a training framework wraps around others, and that a state dict saved without unwrapping them names:
 * torch.compile, FSDP and its older versions, activation checkpointing, Lightning, and DDP or DeepSpeed.
 */
const WRAPPERS: ReadonlySet<string> = new Set([
  '_orig_mod',
  '_fsdp_wrapped_module',
  '_fpw_module',
  '_checkpoint_wrapped_module',
  '_forward_module',
  'module',
]);

/** Parts of a multimodal model beside its language model, by a component of a module's path. */
const OTHER_TOWER = /(?:^|\.)(?:visual|vision\w*|image\w*|vpm|audio\w*|speech\w*|(?:multi_modal|mm)_\w*)\./;

/** `module` is the base model's own name of it, such as `model.layers.0.self_attn.q_proj`. */
export function tensorName(module: string, part: Part): string {
  return `${PEFT_PREFIX}${module}.lora_${part}.weight`;
}

export function modulePath(layersPath: string, layer: number, module: Module): string {
  return `${layersPath}.${layer}.${module.parent}.${module.name}`;
}

/** A tensor's or module's name without the modules that training frameworks wrap around others. */
export function withoutWrappers(name: string): string {
  return name
    .split('.')
    .filter((component) => !WRAPPERS.has(component))
    .join('.');
}

/** The same without PEFT's prefix, which a model adapted twice has twice. */
export function plainName(name: string): string {
  return withoutWrappers(name).replace(/^(?:base_model\.model\.)+/, '');
}

/** The place of a LoRA matrix that a tensor's name gives. */
export interface TensorPlace {
  /** The base model's own name of the module. */
  module: string;
  part: Part;
  /** In a running model's own names the adapter's name, usually "default", precedes `weight`. */
  adapter: string | undefined;
}

/** The place that a name gives, in any spelling; undefined for any tensor but a LoRA matrix. */
export function parseTensorName(name: string): TensorPlace | undefined {
  const match = /^(.+)\.lora_([AB])(?:\.([^.]+))?\.weight$/.exec(plainName(name));
  return match ? { module: match[1]!, part: match[2] as Part, adapter: match[3] } : undefined;
}

/** Whether a module is in a part of a multimodal model that is not its language model. */
export function isOtherTower(module: string): boolean {
  return OTHER_TOWER.test(module);
}

/**
 * Parses the path of a projection in a layer of a language model, wherever the model is nested (`model.layers`,
 * `model.language_model.layers`, `language_model.model.layers` …); undefined for a module that is not in MODULES, and for
 * one of a vision tower, whose projections may have the same names.
 */
export function parseModulePath(path: string): { layersPath: string; layer: number; module: Module } | undefined {
  const match = /^((?:.*\.)?layers)\.(0|[1-9]\d{0,5})\.(\w+)\.(\w+)$/.exec(path);
  if (match === null || isOtherTower(path)) return undefined;
  const module = MODULES.find(({ name, parent }) => parent === match[3] && name === match[4]);
  return module ? { layersPath: match[1]!, layer: Number(match[2]), module } : undefined;
}

/**
 * The key of a matrix, independent of the spelling of its name: `0.q_proj.A`; undefined for a module that is not in
 * MODULES.
 */
export function placeKey(name: string): string | undefined {
  const parsed = parseTensorName(name);
  const place = parsed && parseModulePath(parsed.module);
  return place ? `${place.layer}.${place.module.name}.${parsed.part}` : undefined;
}
