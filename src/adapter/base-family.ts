import { TEXT_FAMILIES, type TextFamily, WRAPPER_FAMILIES, type WrapperFamily } from './base-families.js';
import { MODULES_OF, type ModuleName } from './modules.js';
import { LAYERS_PATH } from './names.js';

/** Every `model_type` of a base that can be adapted. */
export const BASE_TYPES: readonly string[] = [...Object.keys(TEXT_FAMILIES), ...Object.keys(WRAPPER_FAMILIES)].sort();

export function textFamily(modelType: unknown): TextFamily | undefined {
  return typeof modelType === 'string' && Object.hasOwn(TEXT_FAMILIES, modelType)
    ? TEXT_FAMILIES[modelType]
    : undefined;
}

export function wrapperFamily(modelType: string): WrapperFamily | undefined {
  return Object.hasOwn(WRAPPER_FAMILIES, modelType) ? WRAPPER_FAMILIES[modelType] : undefined;
}

/** The modules that an adapter of a base of this `model_type` may have. */
export function modulesOf(modelType: string): readonly ModuleName[] {
  const family = textFamily(modelType) ?? textFamily(wrapperFamily(modelType)?.untyped);
  return MODULES_OF[family?.modules ?? 'separate'];
}

/** Module path of the layers in a base model of this `model_type`: the prefix of an adapter's tensor names. */
export function layersPathOf(modelType: string): string {
  return wrapperFamily(modelType)?.layersPath ?? LAYERS_PATH;
}

/**
 * For PEFT's `exclude_modules`: the image encoder of a wrapper, whose projections share names with those of the layers.
 * @param modelType of the base; null if it is unknown, and `layersPath` must tell
 */
export function excludedModulesOf(modelType: string | null, layersPath: string): string | null {
  const wrappers = Object.entries(WRAPPER_FAMILIES).filter(([, family]) => family.layersPath === layersPath);
  const own = wrappers.find(([name]) => name === modelType);
  const encoders = new Set((own ? [own] : wrappers).map(([, { imageEncoder }]) => imageEncoder));
  if (encoders.size === 0) return null;
  return encoders.size === 1 ? `.*\\b${[...encoders][0]}\\..*` : `.*\\b(${[...encoders].join('|')})\\..*`;
}
