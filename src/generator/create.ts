import { AdapterLayout, type BaseModel, NORMALISATIONS, type Normalisation } from '../adapter/index.js';
import { checkMaxLength, type Padding, type Pooling, type TextEncoder } from '../encoder/index.js';
import { DndError } from '../errors.js';
import { PACKAGE } from '../package.js';
import { invalidValue, isWholeNumber, wholeNumberRange } from '../validation/index.js';
import { basisFeature, checkDecoderShape, type DecoderShape, type Feature } from './decoder-shape.js';
import {
  type AdapterSettings,
  adapterSettings,
  type ConditionSettings,
  formatVersionOf,
  type GeneratorManifest,
  manifestText,
  PADDINGS,
  POOLINGS,
} from './manifest.js';
import { PRESET_NAMES, PRESETS, type Preset, type PresetName } from './presets.js';

/** Settings of a new generator: a preset, or features and a kernel size; everything else has a default. */
export interface GeneratorSettings {
  /** A published configuration. Either this or `features` and `kernelSize`. */
  preset?: PresetName | undefined;
  /** Shapes from the condition [prompts, length, channels] to the weight tokens [tokens, height, width]. */
  features?: readonly Feature[] | undefined;
  /** Kernel size of every convolution; odd. */
  kernelSize?: number | undefined;
  /** Tokens per prompt. Default: the preset's, else `features[0][1]`; more adds a length projection. */
  maxLength?: number | undefined;
  /** LoRA rank. Default: the preset's, else 8. */
  rank?: number | undefined;
  /** LoRA alpha. Default: the preset's, else 2·rank. */
  alpha?: number | undefined;
  /** Scale the adapter by alpha/√rank instead of alpha/rank. Default: false. */
  useRslora?: boolean | undefined;
  /** Modules to adapt. Default: all seven. */
  modules?: readonly string[] | undefined;
  /** Columns per weight token. Default: the preset's, else derived from the base model. */
  chunk?: number | undefined;
  /**
   * How weights become weight tokens: by the mean and standard deviation of each chunk, as published ('chunk'), or as
   * deviations from the mean of the training checkpoints ('residual', only in training). Default: 'chunk'.
   */
  normalisation?: Normalisation | undefined;
  /**
   * Hidden states of padding positions: computed as published ('encode'), or zeros, which is cheaper. Default: the
   * preset's, else 'encode'; 'zero' for a decoder-only text encoder, which has no others.
   */
  padding?: Padding | undefined;
  /** 'mean' and 'cls' give conditions of length 1. Default: 'none'. */
  pooling?: Pooling | undefined;
  /** Random seed of the decoder's initial parameters. Default: 0. */
  seed?: number | undefined;
}

/** Settings of a generator that is trained: those that need training data come with them. */
export interface TrainedGeneratorSettings extends GeneratorSettings {
  /** Number of whitened principal components that each hidden state becomes. Default: the hidden states as they are. */
  conditionComponents?: number | undefined;
  /** Number of directions of the basis whose coefficients the decoder ends in. Default: it ends in weight tokens. */
  basis?: number | undefined;
}

/**
 * The decoder shape that the settings describe.
 * @throws DndError INVALID_ARGUMENT for contradictory or invalid values
 */
export function decoderOf(settings: TrainedGeneratorSettings): DecoderShape {
  const preset = presetOf(settings);
  if (preset && (settings.features !== undefined || settings.kernelSize !== undefined))
    throw new DndError('INVALID_ARGUMENT', 'give a preset, or features and a kernel size, but not both');
  const features = preset ? presetFeatures(preset, settings) : settings.features;
  const kernelSize = preset?.kernelSize ?? settings.kernelSize;
  if (features === undefined || kernelSize === undefined)
    throw new DndError(
      'INVALID_ARGUMENT',
      `give features and a kernel size, or a preset: one of ${PRESET_NAMES.join(', ')}`,
    );
  const shape = checkDecoderShape({ features, kernelSize, projectedFrom: 0 }, 'the decoder', 'INVALID_ARGUMENT');
  const length = shape.features[0]![1];
  const maxLength = maxLengthOf(settings, shape);
  const projects = poolingOf(settings) === 'none' && maxLength > length;
  return projects
    ? checkDecoderShape({ ...shape, projectedFrom: maxLength }, 'the decoder', 'INVALID_ARGUMENT')
    : shape;
}

/**
 * The manifest of a new, untrained generator.
 * @throws DndError INVALID_ARGUMENT for an invalid value, SHAPE_MISMATCH if the parts do not fit each other
 */
export function planGenerator(
  settings: TrainedGeneratorSettings,
  decoder: DecoderShape,
  base: BaseModel,
  encoder: Pick<TextEncoder, 'identity' | 'maxWindow' | 'minLength' | 'encodesPadding'>,
): GeneratorManifest {
  checkBase(base);
  const preset = presetOf(settings);
  const rank = settings.rank ?? preset?.rank ?? 8;
  const chunk = settings.chunk ?? preset?.chunk;
  const normalisation = normalisationOf(settings);
  const layout = new AdapterLayout({ base, rank, modules: settings.modules, chunk, normalisation });
  const alpha = settings.alpha ?? preset?.alpha ?? 2 * rank;
  if (!(Number.isFinite(alpha) && alpha > 0)) throw wrong('alpha', 'a number above 0', alpha);
  const maxLength = maxLengthOf(settings, decoder);
  checkMaxLength(maxLength, encoder, 'INVALID_ARGUMENT');
  const condition = conditionOf(settings, maxLength, encoder, preset);
  const basis = basisOf(settings);
  const manifest: GeneratorManifest = {
    formatVersion: formatVersionOf(layout, encoder.identity, condition, basis),
    createdBy: `${PACKAGE.name} ${PACKAGE.version}`,
    preset: settings.preset ?? null,
    base,
    encoder: encoder.identity,
    condition,
    decoder,
    adapter: { ...adapterSettings(layout, alpha, settings.useRslora ?? false), ...basis },
    training: { trained: false, seed: wholeNumber(settings.seed ?? 0, 'the seed', 0) },
  };
  checkReadable(manifest);
  return manifest;
}

function basisOf({ basis }: TrainedGeneratorSettings): Pick<AdapterSettings, 'basis'> {
  return basis === undefined ? {} : { basis: wholeNumber(basis, 'basis', 1) };
}

function conditionOf(
  settings: TrainedGeneratorSettings,
  maxLength: number,
  encoder: Pick<TextEncoder, 'encodesPadding'>,
  preset: Preset | undefined,
): ConditionSettings {
  const { conditionComponents: components } = settings;
  // Padding positions have no principal components: they become zeros.
  const padding = settings.padding ?? (components === undefined ? defaultPadding(encoder, preset) : 'zero');
  return {
    maxLength,
    padding: oneOf(padding, PADDINGS, 'the padding'),
    pooling: poolingOf(settings),
    ...(components === undefined ? {} : { components: wholeNumber(components, 'conditionComponents', 1) }),
  };
}

/** As published, where the encoder has hidden states of padding. */
function defaultPadding({ encodesPadding }: Pick<TextEncoder, 'encodesPadding'>, preset: Preset | undefined): Padding {
  return encodesPadding ? (preset?.padding ?? 'encode') : 'zero';
}

/** The manifest must pass the checks of the loader. */
function checkReadable(manifest: GeneratorManifest): void {
  try {
    manifestText(manifest, 'the generator');
  } catch (cause) {
    if (!(cause instanceof DndError && cause.code === 'CORRUPT_FILE')) throw cause;
    throw new DndError('INVALID_ARGUMENT', cause.message, { cause });
  }
}

function presetOf({ preset }: GeneratorSettings): Preset | undefined {
  if (preset === undefined) return undefined;
  if (typeof preset === 'string' && Object.hasOwn(PRESETS, preset)) return PRESETS[preset];
  throw wrong('the preset', `one of ${PRESET_NAMES.join(', ')}`, preset);
}

/** Weight tokens without margins make the last shape smaller than the published one. */
function presetFeatures({ features, rank, chunk }: Preset, settings: TrainedGeneratorSettings): readonly Feature[] {
  if (settings.basis !== undefined) return [...features.slice(0, -1), basisFeature(settings.basis)];
  if (normalisationOf(settings) === 'chunk') return features;
  return [...features.slice(0, -1), [features.at(-1)![0], rank, chunk]];
}

function normalisationOf({ normalisation }: GeneratorSettings): Normalisation {
  return oneOf(normalisation ?? 'chunk', NORMALISATIONS, 'the normalisation');
}

/** @throws DndError INVALID_ARGUMENT for settings that are computed from checkpoints or prompts of training */
export function requireNoTrainingData(settings: TrainedGeneratorSettings): void {
  if (settings.conditionComponents !== undefined)
    throw new DndError(
      'INVALID_ARGUMENT',
      'conditionComponents needs the hidden states of training prompts, and a new generator has none. ' +
        'Train with it: dnd train --condition-components n (its first checkpoint is the untrained generator), or create one without',
    );
  if (settings.basis !== undefined)
    throw new DndError(
      'INVALID_ARGUMENT',
      'basis needs training checkpoints, and a new generator has none. ' +
        'Train with it: dnd train --basis n (its first checkpoint is the untrained generator), or create one without',
    );
  if (normalisationOf(settings) === 'chunk') return;
  throw new DndError(
    'INVALID_ARGUMENT',
    "normalisation 'residual' needs the mean of training checkpoints, and a new generator has none. " +
      "Train with it: dnd train --normalisation residual (its first checkpoint is the untrained generator), or create one with 'chunk'",
  );
}

function maxLengthOf(settings: GeneratorSettings, decoder: DecoderShape): number {
  const maxLength = settings.maxLength ?? presetOf(settings)?.maxLength ?? decoder.features[0]![1];
  return wholeNumber(maxLength, 'the maximal length', 1);
}

function poolingOf(settings: GeneratorSettings): Pooling {
  return oneOf(settings.pooling ?? 'none', POOLINGS, 'the pooling');
}

/** For JavaScript callers: an invalid object would give a layout of NaN. */
function checkBase(base: BaseModel): void {
  if (typeof base !== 'object' || base === null) throw wrong('base', 'a path, or what readBaseModel gives', base);
  const { hidden, heads, kvHeads, headDim, intermediate, layers } = base;
  const sizes = { hidden, heads, kvHeads, headDim, intermediate, layers };
  for (const [name, size] of Object.entries(sizes))
    wholeNumber(size, `base.${name} (base is a path, or what readBaseModel gives)`, 1);
  if (typeof base.modelType !== 'string') throw wrong('base.modelType', 'a text', base.modelType);
}

function wholeNumber(value: unknown, what: string, smallest: number): number {
  if (isWholeNumber(value, smallest)) return value;
  throw wrong(what, wholeNumberRange(smallest), value);
}

function oneOf<T extends string>(value: unknown, choices: readonly T[], what: string): T {
  if (choices.includes(value as T)) return value as T;
  throw wrong(what, `one of ${choices.join(', ')}`, value);
}

function wrong(what: string, expected: string, value: unknown): DndError {
  return invalidValue('INVALID_ARGUMENT', what, expected, value);
}
