import { DndError } from '../errors.js';
import { Fields, quote } from '../validation/index.js';
import type { LoraConfig } from './lora-adapter.js';
import { otherConfiguration, refusedSetting, unknownSettings } from './peft-settings.js';

/** PEFT's own. */
const DEFAULTS: Record<string, unknown> = {
  r: 8,
  lora_alpha: 8,
  use_rslora: false,
  fan_in_fan_out: false,
  rank_pattern: {},
  alpha_pattern: {},
  layers_to_transform: null,
  exclude_modules: null,
  base_model_name_or_path: null,
};

/** The contents of `adapter_config.json`; target modules given as a pattern are derived from the tensors instead. */
export type ParsedPeftConfig = Omit<LoraConfig, 'targetModules'> & {
  targetModules: string[] | null;
  /** About settings that are unknown and ignored. */
  warnings: string[];
};

/**
 * @throws DndError UNSUPPORTED_FORMAT for an adapter that is more than LoRA, is relative to a changed base, or is not
 * PEFT's, by the name of what it is; CORRUPT_FILE for invalid values
 */
export function parsePeftConfig(json: unknown, source: string): ParsedPeftConfig {
  const fields = Fields.withDefaults(json, source, DEFAULTS);
  const refuse = (what: string) =>
    new DndError(
      'UNSUPPORTED_FORMAT',
      `${source}: the adapter uses ${what}, which is not supported; only plain LoRA is`,
    );
  const patternOf = (key: string, check: (pattern: Fields, name: string) => number): Record<string, number> => {
    const pattern = fields.section(key);
    // PEFT treats the keys as regular expressions, but in practice they are names.
    const expression = Object.keys(pattern.all).find((name) => !/^\^?[\w.-]+$/.test(name));
    if (expression !== undefined) throw refuse(`the regular expression ${quote(expression)} in ${key}`);
    return Object.fromEntries(Object.keys(pattern.all).map((name) => [name, check(pattern, name)]));
  };

  const { peft_type: type, base_model_name_or_path: base, target_modules: targets } = fields.all;
  const other = type === undefined ? otherConfiguration(fields.all) : undefined;
  if (other !== undefined) throw new DndError('UNSUPPORTED_FORMAT', `${source}: ${other}`);
  if (typeof type !== 'string') throw fields.invalid('peft_type', 'a text');
  if (type !== 'LORA') throw refuse(`peft_type ${quote(type)}`);
  const refused = refusedSetting(fields.all);
  if (refused !== undefined) throw new DndError('UNSUPPORTED_FORMAT', `${source}: the adapter uses ${refused}`);
  if (base !== null && typeof base !== 'string') throw fields.invalid('base_model_name_or_path', 'a text or null');
  const listed = Array.isArray(targets) && targets.length > 0;
  return {
    rank: fields.wholeNumber('r', 1),
    alpha: fields.positiveNumber('lora_alpha'),
    useRslora: fields.boolean('use_rslora'),
    targetModules: listed ? fields.texts('target_modules') : null,
    baseModelName: base,
    fanInFanOut: fields.boolean('fan_in_fan_out'),
    rankPattern: patternOf('rank_pattern', (pattern, name) => pattern.wholeNumber(name, 1)),
    alphaPattern: patternOf('alpha_pattern', (pattern, name) => pattern.positiveNumber(name)),
    layersToTransform: parseLayers(fields),
    excludeModules: parseExcluded(fields),
    warnings: unknownSettings(fields.all),
  };
}

function parseLayers(fields: Fields): number[] | null {
  const value = fields.raw('layers_to_transform');
  if (value === null) return null;
  return Array.isArray(value)
    ? fields.wholeNumbers('layers_to_transform', 0)
    : [fields.wholeNumber('layers_to_transform', 0)];
}

function parseExcluded(fields: Fields): string | string[] | null {
  const value = fields.raw('exclude_modules');
  if (value === null || typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
  throw fields.invalid('exclude_modules', 'a list of texts, or a pattern');
}
