import type { LongOperation } from '../async/index.js';
import { CausalEngine, type CausalSizes, type EngineOptions } from '../engine/index.js';
import { DndError } from '../errors.js';
import { readJson } from '../files/index.js';
import { openTensors } from '../formats/pytorch/index.js';
import { causalConfigFromJson } from '../language/config.js';
import { isWholeNumber, quoteValue } from '../validation/index.js';
import { onDeviceOrCpu } from './device.js';
import type { TensorNames } from './encoder-config.js';
import { loadEncoderWeights } from './encoder-weights.js';
import { identityOf } from './identity.js';
import { findModel, type TokeniserFolder } from './model-folder.js';
import {
  allocateStates,
  checkRequest,
  type EncodedPrompts,
  type EncodeOptions,
  type EncoderIdentity,
  type TextEncoder,
} from './text-encoder.js';
import { type TokenisedPrompts, Tokeniser } from './tokeniser.js';

/** The `model_type`s of decoder-only models that can be text encoders. */
export const CAUSAL_MODEL_TYPES = ['llama', 'mistral', 'qwen2', 'qwen3'] as const;

/** Of one pass. What comes out does not depend on it. */
const MOST_SEQUENCES = 32;

/** Names as those of the engine without `model.`, which files of the bare model do not have. */
const TENSORS: TensorNames = { layer: '', inLayer: {}, outside: {}, wordEmbeddings: 'embed_tokens' };
const INSIDE = 'model.';

export interface LoadCausalEncoderOptions extends EngineOptions, LongOperation {
  /** Hidden states after this layer, 1 … layers. Default: the last one, after the final norm. */
  layer?: number | undefined;
}

/** Reads config.json; the output head is not used. @throws DndError UNSUPPORTED_ENCODER, CORRUPT_FILE */
export function parseCausalConfig(json: unknown, source: string): { modelType: string; sizes: CausalSizes } {
  try {
    const { base, sizes } = causalConfigFromJson(json, source);
    return { modelType: base.modelType, sizes: { ...sizes, tiedHead: true } };
  } catch (error) {
    if (!(error instanceof DndError && error.code === 'UNSUPPORTED_BASE')) throw error;
    throw new DndError('UNSUPPORTED_ENCODER', error.message, { cause: error });
  }
}

/** The tokeniser of a decoder-only model. @throws DndError as `Tokeniser` */
export async function loadCausalTokeniser(
  { folder, config, ...files }: TokeniserFolder,
  vocabSize?: number,
): Promise<Tokeniser> {
  const size = vocabSize ?? parseCausalConfig(await readJson(config), config).sizes.vocabSize;
  const tokenizer = await readJson(files.tokenizer);
  const settings = files.tokenizerConfig === undefined ? {} : await readJson(files.tokenizerConfig);
  return new Tokeniser({ tokenizer, config: settings, folder }, size, 0, { causal: true });
}

/**
 * A decoder-only language model as a text encoder: the hidden states after one of its layers. A token sees those before it
 * alone, so padding after a prompt changes nothing, and has no hidden states of its own.
 */
export class CausalTextEncoder implements TextEncoder {
  readonly channels: number;
  readonly maxWindow: number;
  readonly minLength: number;
  readonly encodesPadding = false;

  private constructor(
    readonly engine: CausalEngine,
    readonly tokeniser: Tokeniser,
    readonly identity: EncoderIdentity & { layer: number },
  ) {
    this.channels = engine.sizes.hiddenSize;
    this.maxWindow = engine.sizes.maxPositions;
    this.minLength = tokeniser.minLength;
  }

  /**
   * Reads a folder in the layout of Hugging Face: config.json, tokenizer.json, tokenizer_config.json if present, and the
   * weights of the whole model or of the model without its head.
   * @throws DndError FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED_ENCODER, INVALID_WEIGHTS, SHAPE_MISMATCH, OUT_OF_MEMORY;
   * INVALID_ARGUMENT for a layer that the model does not have
   */
  static async load(folder: string, options: LoadCausalEncoderOptions = {}): Promise<CausalTextEncoder> {
    const model = await findModel(folder);
    const { modelType, sizes } = parseCausalConfig(await readJson(model.config), model.config);
    const { layer = sizes.layers, threads, memoryLimitBytes, device, precision } = options;
    checkLayer(layer, sizes.layers, folder);
    const tokeniser = await loadCausalTokeniser(model, sizes.vocabSize);
    const weights = await openTensors(model.weights);
    let engine: CausalEngine | undefined;
    try {
      const described = { type: modelType, channels: sizes.hiddenSize };
      const identity = { ...(await identityOf(model, weights, described, options.signal)), layer };
      engine = await onDeviceOrCpu(device, (use) =>
        CausalEngine.create({ ...sizes, threads, memoryLimitBytes, device: use, precision, mapped: true }),
      );
      await loadEncoderWeights(engine, weights, { ...options, names: TENSORS, prefix: INSIDE });
      return new CausalTextEncoder(engine, tokeniser, identity);
    } catch (error) {
      engine?.dispose();
      throw error;
    } finally {
      await weights.close();
    }
  }

  /** As `ModelTextEncoder.tokenise`. */
  async tokenise(
    prompts: readonly string[],
    options: Pick<EncodeOptions, 'maxLength' | 'signal'>,
  ): Promise<TokenisedPrompts> {
    checkRequest(prompts, options, this);
    return this.tokeniser.tokenise(prompts, options.maxLength, options.signal);
  }

  async encode(prompts: readonly string[], options: EncodeOptions): Promise<EncodedPrompts> {
    const { maxLength, padding, pooling, signal, onProgress } = options;
    if (padding === 'encode' && pooling === 'none') {
      throw new DndError(
        'INVALID_ARGUMENT',
        `padding: a text encoder of type ${this.identity.type} is decoder-only and has no hidden states of padding; expected "zero", got "encode"`,
      );
    }
    if (pooling === 'cls') {
      throw new DndError(
        'INVALID_ARGUMENT',
        `pooling: a text encoder of type ${this.identity.type} is decoder-only, and its first token sees itself alone, not the prompt; expected "mean" or "none", got "cls"`,
      );
    }
    const { ids, mask, tokens, truncatedPrompts } = await this.tokenise(prompts, options);
    const length = pooling === 'none' ? maxLength : 1;
    const shape: EncodedPrompts['shape'] = [prompts.length, length, this.channels];
    const hiddenStates = allocateStates(shape);
    const windows = this.#windows(mask, prompts.length, maxLength);
    for (let first = 0; first < windows.length; first += MOST_SEQUENCES) {
      const chunk = windows.slice(first, first + MOST_SEQUENCES);
      const states = await this.engine.hiddenStates(sequencesOf(ids, chunk), this.identity.layer, {
        signal,
        onProgress: (fraction) => onProgress?.((first + fraction * chunk.length) / windows.length),
      });
      this.#store(states, chunk, pooling, hiddenStates);
    }
    if (pooling === 'mean') this.#divide(hiddenStates, mask, maxLength);
    return { hiddenStates, shape, tokens, truncatedPrompts };
  }

  /** The real tokens of each prompt, which are its first ones, in pieces of at most the window. */
  #windows(mask: Int32Array, prompts: number, maxLength: number): Window[] {
    const windows: Window[] = [];
    for (let prompt = 0; prompt < prompts; prompt++) {
      const real = realTokens(mask, prompt, maxLength);
      for (let place = 0; place < real; place += this.maxWindow)
        windows.push({ prompt, begin: prompt * maxLength + place, tokens: Math.min(this.maxWindow, real - place) });
    }
    return windows;
  }

  #store(
    states: Float32Array,
    windows: readonly Window[],
    pooling: EncodeOptions['pooling'],
    hiddenStates: Float32Array,
  ): void {
    const { channels } = this;
    let row = 0;
    for (const { prompt, begin, tokens } of windows) {
      const own = states.subarray(row * channels, (row + tokens) * channels);
      row += tokens;
      if (pooling === 'none') hiddenStates.set(own, begin * channels);
      else addRows(own, channels, hiddenStates.subarray(prompt * channels));
    }
  }

  #divide(sums: Float32Array, mask: Int32Array, maxLength: number): void {
    for (let prompt = 0; prompt * this.channels < sums.length; prompt++) {
      const real = realTokens(mask, prompt, maxLength);
      for (let i = 0; i < this.channels; i++) sums[prompt * this.channels + i]! /= real;
    }
  }

  dispose(): void {
    this.engine.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
  }
}

/** Tokens of a prompt that pass through the model together; `begin` is their place among all ids. */
interface Window {
  prompt: number;
  begin: number;
  tokens: number;
}

function realTokens(mask: Int32Array, prompt: number, maxLength: number): number {
  return mask.subarray(prompt * maxLength, (prompt + 1) * maxLength).reduce((sum, real) => sum + real, 0);
}

function sequencesOf(ids: Int32Array, windows: readonly Window[]) {
  const lengths = windows.map(({ tokens }) => tokens);
  const all = new Int32Array(lengths.reduce((sum, length) => sum + length, 0));
  let place = 0;
  for (const { begin, tokens } of windows) {
    all.set(ids.subarray(begin, begin + tokens), place);
    place += tokens;
  }
  return { ids: all, lengths };
}

/** Adds the sums of the columns, in double precision, to `target`. */
function addRows(rows: Float32Array, columns: number, target: Float32Array): void {
  const sums = new Float64Array(columns);
  for (let i = 0; i < rows.length; i++) sums[i % columns]! += rows[i]!;
  for (let i = 0; i < columns; i++) target[i]! += sums[i]!;
}

function checkLayer(layer: unknown, layers: number, folder: string): void {
  if (isWholeNumber(layer, 1, layers)) return;
  throw new DndError(
    'INVALID_ARGUMENT',
    `the layer of the text encoder ${folder}: is not valid; expected a whole number from 1 to ${layers}, got ${quoteValue(layer)}`,
  );
}
