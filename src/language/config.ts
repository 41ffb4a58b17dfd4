import { type BaseModel, baseModelFromConfig } from '../adapter/index.js';
import type { CausalSizes } from '../engine/index.js';
import { DndError } from '../errors.js';
import { Fields, isWholeNumber, quoteValue } from '../validation/index.js';
import { inverseFrequencies } from './rotary.js';
import { slidingWindows } from './windows.js';

/** A causal language model as its config.json describes it. */
export interface LanguageModelConfig {
  /** The base model, as far as adapters depend on it. */
  base: BaseModel;
  /** Sizes of the model, for the engine. */
  sizes: CausalSizes;
  /** `bos_token_id`, null if there is none. */
  startId: number | null;
  /** `eos_token_id`, of which there may be none or several. */
  endIds: number[];
}

interface Family {
  /** Whether the projections have biases; 'attention_bias': as this field says. */
  qkvBias: boolean | 'attention_bias';
  outputBias: boolean | 'attention_bias';
  mlpBias: boolean | 'mlp_bias';
  queryKeyNorm: boolean;
  maxPositions: number;
}

/** Measured with transformers 5.23: what it computes for each `model_type`, and its default number of positions. */
const FAMILIES: Readonly<Record<string, Family>> = {
  llama: {
    qkvBias: 'attention_bias',
    outputBias: 'attention_bias',
    mlpBias: 'mlp_bias',
    queryKeyNorm: false,
    maxPositions: 2048,
  },
  mistral: { qkvBias: false, outputBias: false, mlpBias: false, queryKeyNorm: false, maxPositions: 131_072 },
  qwen2: { qkvBias: true, outputBias: false, mlpBias: false, queryKeyNorm: false, maxPositions: 32_768 },
  qwen3: {
    qkvBias: 'attention_bias',
    outputBias: 'attention_bias',
    mlpBias: false,
    queryKeyNorm: true,
    maxPositions: 32_768,
  },
};

/** Of transformers; the same in all four families. */
const DEFAULTS: Record<string, unknown> = {
  attention_bias: false,
  hidden_act: 'silu',
  mlp_bias: false,
  rms_norm_eps: 1e-6,
  tie_word_embeddings: false,
};

/** Far above any real model, and small enough that products of sizes stay exact. */
const LARGEST = 2 ** 24;

/**
 * Reads the `config.json` of a causal language model of the Llama, Mistral, Qwen2 or Qwen3 family, as transformers 4
 * or 5 wrote it. Fields that are left out have transformers' defaults.
 * @param config the parsed file
 * @param source the file, for error messages
 * @param frequencyFactors by which the rotary frequencies are divided, one for each; as GGUF files have them
 * @throws DndError UNSUPPORTED_BASE, naming the field, for a model that this package does not compute; CORRUPT_FILE for
 * a wrong field
 */
export function causalConfigFromJson(
  config: unknown,
  source: string,
  frequencyFactors?: readonly number[],
): LanguageModelConfig {
  const base = baseModelFromConfig(config, source);
  const fields = Fields.withDefaults(config, source, DEFAULTS);
  const family = familyOf(base.modelType, source);
  refuseUnsupported(fields);
  if (base.headDim % 2 !== 0) {
    throw unsupported(source, `head_dim ${base.headDim} is odd; rotary positions need an even head dimension`);
  }
  const given = config as Record<string, unknown>;
  const decide = (choice: boolean | string) => (typeof choice === 'boolean' ? choice : fields.boolean(choice));
  return {
    base,
    sizes: {
      vocabSize: fields.wholeNumber('vocab_size', 1, LARGEST),
      hiddenSize: base.hidden,
      layers: base.layers,
      heads: base.heads,
      kvHeads: base.kvHeads,
      headWidth: base.headDim,
      intermediateSize: base.intermediate,
      maxPositions:
        fields.raw('max_position_embeddings') === undefined
          ? family.maxPositions
          : fields.wholeNumber('max_position_embeddings', 1, LARGEST),
      rmsNormEps: fields.positiveNumber('rms_norm_eps'),
      qkvBias: decide(family.qkvBias),
      outputBias: decide(family.outputBias),
      mlpBias: decide(family.mlpBias),
      queryKeyNorm: family.queryKeyNorm,
      tiedHead: fields.boolean('tie_word_embeddings'),
      windows: slidingWindows(given, base.modelType, base.layers, source),
      inverseFrequencies: inverseFrequencies(given, base.headDim, source).map(
        (frequency, index) => frequency / (frequencyFactors?.[index] ?? 1),
      ),
    },
    startId: given.bos_token_id == null ? null : fields.wholeNumber('bos_token_id', 0, LARGEST),
    endIds: endIds(fields),
  };
}

function familyOf(modelType: string, source: string): Family {
  if (Object.hasOwn(FAMILIES, modelType)) return FAMILIES[modelType]!;
  const known = Object.keys(FAMILIES).join(', ');
  throw unsupported(source, `a model of type ${quoteValue(modelType)} cannot be run, only adapted; expected ${known}`);
}

function refuseUnsupported({ all, source }: Fields): void {
  if (all.hidden_act !== 'silu') {
    throw unsupported(source, `hidden_act ${quoteValue(all.hidden_act)} is not supported; expected "silu"`);
  }
  if (all.quantization_config !== undefined) {
    throw unsupported(
      source,
      'quantization_config: quantised weights are not supported; expected float32, float16 or bfloat16 weights',
    );
  }
}

function endIds(fields: Fields): number[] {
  const given = fields.raw('eos_token_id') ?? [];
  const ids = Array.isArray(given) ? given : [given];
  if (ids.every((id) => isWholeNumber(id, 0, LARGEST))) return ids as number[];
  throw fields.invalid('eos_token_id', 'a token id, or a list of them');
}

function unsupported(source: string, what: string): DndError {
  return new DndError('UNSUPPORTED_BASE', `${source}: ${what}`);
}
