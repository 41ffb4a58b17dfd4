import { DndError } from '../errors.js';
import { quoteValue } from '../validation/quote.js';
import type { LoraConfig } from './lora-adapter.js';

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Neither absent, nor null, false, or empty. */
function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isObject(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Settings with which ΔW is no longer scale · B · A and nothing else, and what they are. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  use_dora: 'DoRA',
  use_qalora: 'QA-LoRA',
  use_bdlora: 'block-diagonal LoRA',
  lora_bias: 'biases on lora_B',
  modules_to_save: 'modules that were trained whole',
  trainable_token_indices: 'token embeddings that were trained',
  target_parameters: 'LoRA on bare parameters',
  layer_replication: 'replicated layers',
  alora_invocation_tokens: 'activated LoRA',
  arrow_config: 'Arrow routing',
  kasa_config: 'KaSA',
};

/** PEFT's own default for r and lora_alpha. */
const PEFT_DEFAULT = 8;

/** What `adapter_config.json` says; target modules that it gives as a pattern are left for the tensors to tell. */
export type ParsedPeftConfig = Omit<LoraConfig, 'targetModules'> & { targetModules: string[] | null };

/**
 * @throws DndError UNSUPPORTED_FORMAT for an adapter that is more than LoRA, by the name of what it is; CORRUPT_FILE for
 * values that cannot be
 */
export function parsePeftConfig(json: unknown, source: string): ParsedPeftConfig {
  const broken = (what: string) =>
    new DndError('CORRUPT_FILE', `${source} is not a sound adapter configuration: ${what}`);
  const refuse = (what: string) =>
    new DndError('UNSUPPORTED_FORMAT', `${source}: the adapter uses ${what}, which is not supported; plain LoRA is`);
  const shown = (value: unknown) => quoteValue(value);

  if (!isObject(json)) throw broken('it is not a JSON object');
  const numberOf = (value: unknown, what: string, whole: boolean): number => {
    const right =
      typeof value === 'number' && Number.isFinite(value) && value > 0 && (!whole || Number.isInteger(value));
    if (!right) throw broken(`${what} is ${shown(value)} and must be a positive ${whole ? 'integer' : 'number'}`);
    return value;
  };
  const patternOf = (key: string, whole: boolean): Record<string, number> => {
    const value = json[key] ?? {};
    if (!isObject(value)) throw broken(`${key} is not an object`);
    for (const name of Object.keys(value)) {
      // PEFT takes the keys for regular expressions; names are what people write.
      if (!/^\^?[\w.-]+$/.test(name)) throw refuse(`the regular expression ${shown(name)} in ${key}`);
      numberOf(value[name], `${key}[${shown(name)}]`, whole);
    }
    return value as Record<string, number>;
  };
  const flagOf = (key: string): boolean => {
    const value = json[key] ?? false;
    if (typeof value !== 'boolean') throw broken(`${key} is ${shown(value)} and must be true or false`);
    return value;
  };

  const type = json.peft_type;
  if (typeof type !== 'string') throw broken('it has no peft_type');
  if (type !== 'LORA') throw refuse(`peft_type ${shown(type)}`);
  for (const [key, what] of Object.entries(UNSUPPORTED)) if (isSet(json[key])) throw refuse(`${what} (${key})`);
  if (isSet(json.bias) && json.bias !== 'none') throw refuse(`trained biases (bias is ${shown(json.bias)})`);

  const base = json.base_model_name_or_path ?? null;
  if (base !== null && typeof base !== 'string') throw broken('base_model_name_or_path is neither text nor null');
  const targets = json.target_modules;
  const listed = Array.isArray(targets) && targets.length > 0;
  if (listed && !targets.every((name) => typeof name === 'string')) throw broken('target_modules must be names');
  return {
    rank: numberOf(json.r ?? PEFT_DEFAULT, 'r', true),
    alpha: numberOf(json.lora_alpha ?? PEFT_DEFAULT, 'lora_alpha', false),
    useRslora: flagOf('use_rslora'),
    targetModules: listed ? (targets as string[]) : null,
    baseModelName: base,
    fanInFanOut: flagOf('fan_in_fan_out'),
    rankPattern: patternOf('rank_pattern', true),
    alphaPattern: patternOf('alpha_pattern', false),
    layersToTransform: parseLayers(json.layers_to_transform ?? null, broken),
    excludeModules: parseExcluded(json.exclude_modules ?? null, broken),
  };
}

function parseLayers(value: unknown, broken: (what: string) => DndError): number[] | null {
  if (value === null) return null;
  const layers = Array.isArray(value) ? value : [value];
  if (!layers.every((layer) => Number.isInteger(layer) && layer >= 0)) {
    throw broken('layers_to_transform must be layer numbers');
  }
  return layers;
}

function parseExcluded(value: unknown, broken: (what: string) => DndError): string | string[] | null {
  if (value === null || typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
  throw broken('exclude_modules must be names or a pattern');
}
