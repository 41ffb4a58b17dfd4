import { DndError } from '../errors.js';
import { Fields, isText, quoteValue } from '../validation/index.js';

/** The settings of an adapter of mlx-lm that concern its numbers. */
export interface MlxConfig {
  rank: number;
  /** ΔW = scale · lora_bᵀ · lora_aᵀ: not divided by the rank. */
  scale: number;
  /** The last of the base's layers that are adapted; null: all. */
  lastLayers: number | null;
  /** Names of the adapted modules in their layer; null: not restricted. */
  keys: string[] | null;
  baseModelName: string | null;
}

/** `fine_tune_type` of what is more than LoRA. */
const OTHER_TYPES: Readonly<Record<string, string>> = { dora: 'DoRA', full: 'fully trained weights' };

/**
 * The contents of mlx-lm's `adapter_config.json`; settings of its training are skipped. Source: `load_adapters` and
 * `linear_to_lora_layers` of mlx-lm 0.32.
 * @throws DndError UNSUPPORTED_FORMAT for an adapter that is more than LoRA, by the name of what it is; CORRUPT_FILE for
 * settings that are missing or invalid
 */
export function parseMlxConfig(json: unknown, source: string): MlxConfig {
  const fields = new Fields(json, source);
  const type = fields.raw('fine_tune_type') ?? 'lora';
  if (type !== 'lora') {
    const what = typeof type === 'string' && Object.hasOwn(OTHER_TYPES, type) ? `${OTHER_TYPES[type]} ` : '';
    throw new DndError(
      'UNSUPPORTED_FORMAT',
      `${source}: the MLX adapter is ${what}(fine_tune_type ${quoteValue(type)}), which is not supported; only plain LoRA is. ` +
        'Fuse it into its model with mlx_lm.fuse, or train with fine_tune_type "lora"',
    );
  }
  const parameters = fields.section('lora_parameters');
  if (parameters.raw('scale') === undefined && parameters.raw('alpha') !== undefined)
    throw new DndError(
      'CORRUPT_FILE',
      `${source}: lora_parameters.scale: is missing; expected a number above 0. mlx-lm does not use alpha: set scale to what ` +
        'the adapter was trained with',
    );
  const model = fields.raw('model');
  return {
    rank: parameters.wholeNumber('rank', 1),
    scale: parameters.positiveNumber('scale'),
    lastLayers: lastLayers(fields),
    keys: (parameters.raw('keys') ?? null) === null ? null : parameters.texts('keys'),
    baseModelName: isText(model) ? model : null,
  };
}

/** mlx-lm takes zero and negative numbers for "all"; `lora_layers` is the name before 0.19. */
function lastLayers(fields: Fields): number | null {
  const key = fields.raw('num_layers') === undefined ? 'lora_layers' : 'num_layers';
  if (fields.raw(key) === undefined) return null;
  const layers = fields.wholeNumber(key, Number.MIN_SAFE_INTEGER);
  return layers > 0 ? layers : null;
}
