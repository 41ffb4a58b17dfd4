import { isObject, quote, quoteValue } from '../validation/index.js';

/** Settings with which ΔW is not scale · B · A on the base's own weights. */
interface Refusal {
  /** "DoRA", for the message. */
  what: string;
  /** As an imperative. */
  advice: string;
}

const CONVERT_BY_TRAINING = 'train the adapter again without it';

/**
 * Every other setting of PEFT's `LoraConfig` that changes what the matrices mean. Each was tried with PEFT 0.21.2;
 * test/interop/peft_settings.py does so again.
 */
const REFUSED: Readonly<Record<string, Refusal>> = {
  use_dora: { what: 'DoRA', advice: CONVERT_BY_TRAINING },
  use_qalora: { what: 'QA-LoRA', advice: CONVERT_BY_TRAINING },
  use_bdlora: { what: 'block-diagonal LoRA', advice: CONVERT_BY_TRAINING },
  lora_bias: { what: 'biases on lora_B', advice: CONVERT_BY_TRAINING },
  modules_to_save: { what: 'fully trained modules', advice: CONVERT_BY_TRAINING },
  trainable_token_indices: { what: 'trained token embeddings', advice: CONVERT_BY_TRAINING },
  target_parameters: { what: 'LoRA on bare parameters', advice: CONVERT_BY_TRAINING },
  layer_replication: { what: 'replicated layers', advice: CONVERT_BY_TRAINING },
  alora_invocation_tokens: { what: 'activated LoRA', advice: CONVERT_BY_TRAINING },
  arrow_config: { what: 'Arrow routing', advice: 'convert one of the adapters that it routes between' },
  kasa_config: { what: 'KaSA', advice: CONVERT_BY_TRAINING },
  enable_lora: { what: 'LoRA on parts of a fused projection', advice: CONVERT_BY_TRAINING },
};

/** Settings that `parsePeftConfig` reads. */
const READ = [
  'peft_type',
  'r',
  'lora_alpha',
  'use_rslora',
  'target_modules',
  'base_model_name_or_path',
  'fan_in_fan_out',
  'rank_pattern',
  'alpha_pattern',
  'layers_to_transform',
  'exclude_modules',
  'init_lora_weights',
  'bias',
];

/** Settings that concern training, loading or PEFT itself: the same matrices mean the same. */
const WITHOUT_EFFECT = [
  'task_type',
  'auto_mapping',
  'peft_version',
  'revision',
  'inference_mode',
  'lora_dropout',
  'layers_pattern',
  'megatron_config',
  'megatron_core',
  // The configurations of initialisations: `init_lora_weights` says whether one was used.
  'loftq_config',
  'eva_config',
  'corda_config',
  'lora_ga_config',
  'qalora_group_size',
  'runtime_config',
  'ensure_weight_tying',
  // Both change the training alone.
  'velora_config',
  'monteclora_config',
  // Of PEFT 0.2, and of ms-swift.
  'merge_weights',
  'lora_dtype',
  'lorap_lr_ratio',
  'lorap_emb_lr',
];

const KNOWN: ReadonlySet<string> = new Set([...Object.keys(REFUSED), ...READ, ...WITHOUT_EFFECT]);

/** Values of `init_lora_weights` that choose where training starts and leave the base as it is. */
const STARTS: readonly unknown[] = [true, false, null, undefined, 'gaussian', 'eva', 'orthogonal', 'mica'];

/** Values that take the adapter's start out of the base's weights, by their beginning. */
const CHANGES_BASE: Readonly<Record<string, string>> = {
  pissa: 'PiSSA',
  olora: 'OLoRA',
  corda: 'CorDA',
  lora_ga: 'LoRA-GA',
};

/** Neither absent, nor null, false, or empty. */
function isSet(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isObject(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}

/**
 * Why the settings of an adapter_config.json do not describe plain LoRA: the end of "the adapter uses …", with what to do;
 * undefined if they do.
 */
export function refusedSetting(settings: Readonly<Record<string, unknown>>): string | undefined {
  for (const [key, { what, advice }] of Object.entries(REFUSED)) {
    if (Object.hasOwn(settings, key) && isSet(settings[key])) return refusal(`${what} (${key})`, advice);
  }
  const { bias } = settings;
  if (isSet(bias) && bias !== 'none')
    return refusal(`trained biases (bias is ${quoteValue(bias)})`, 'train the adapter again with bias="none"');
  return refusedStart(settings.init_lora_weights);
}

function refusal(what: string, advice: string): string {
  return `${what}, which is not supported; only plain LoRA is. ${advice[0]!.toUpperCase()}${advice.slice(1)}`;
}

/**
 * An adapter trained from a start that was taken out of the base's weights is relative to those: W + scale · B · A is not
 * the model that was trained.
 */
function refusedStart(start: unknown): string | undefined {
  if (STARTS.includes(start)) return undefined;
  if (typeof start !== 'string') return unknownStart(start);
  const name = start.toLowerCase();
  if (STARTS.includes(name)) return undefined;
  const setting = `(init_lora_weights is ${quote(start)})`;
  if (name.startsWith('loftq'))
    return (
      `LoftQ ${setting}: its weights are relative to a quantised base, not to the base itself. ` +
      'Train the adapter again with init_lora_weights=True; there is no exact conversion'
    );
  const changed = Object.keys(CHANGES_BASE).find((prefix) => name.startsWith(prefix));
  if (changed === undefined) return unknownStart(start);
  return (
    `${CHANGES_BASE[changed]} ${setting}: its weights are relative to a base from which its start was subtracted, not to ` +
    'the base itself. Convert it to LoRA: save it with PEFT’s ' +
    'save_pretrained(…, path_initial_model_for_weight_conversion=<the adapter saved before training>), which doubles its rank (LLaMA-Factory: pissa_convert)'
  );
}

function unknownStart(start: unknown): string {
  return (
    `an unknown initialisation (init_lora_weights is ${quoteValue(start)}), so that its weights may be relative to a ` +
    'changed base. If it leaves the weights of the base as they are, set init_lora_weights to true in this file'
  );
}

/** A warning for each setting that is set and unknown: of a newer PEFT, or of another program. */
export function unknownSettings(settings: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(settings)
    .filter(([key, value]) => !KNOWN.has(key) && isSet(value))
    .map(
      ([key, value]) =>
        `the setting ${quote(key)} (${quoteValue(value)}) is unknown and ignored; check that it does not change what the weights mean`,
    );
}

/** What the configuration of another program is; undefined if unknown. */
export function otherConfiguration(settings: Readonly<Record<string, unknown>>): string | undefined {
  if (['fine_tune_type', 'lora_parameters', 'num_layers', 'lora_layers'].some((key) => key in settings))
    return 'it is the configuration of an MLX adapter (mlx_lm), not of a PEFT adapter. Convert the MLX adapter first';
  if ('model_type' in settings || 'architectures' in settings)
    return 'it is the configuration of a model, not of an adapter. Give the folder of a PEFT adapter';
  return undefined;
}
