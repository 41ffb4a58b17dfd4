import type { LongOperation } from '../async/index.js';
import type { EngineOptions } from '../engine/index.js';
import { readJson } from '../files/index.js';
import { openTensors } from '../formats/pytorch/index.js';
import { parseEncoderConfig } from './families.js';
import { identityOf } from './identity.js';
import { ModelEncoder } from './model-encoder.js';
import { findModel, type TokeniserFolder } from './model-folder.js';
import {
  checkRequest,
  type EncodedPrompts,
  type EncodeOptions,
  type EncoderIdentity,
  type TextEncoder,
} from './text-encoder.js';
import { type TokenisedPrompts, Tokeniser } from './tokeniser.js';

/**
 * The tokeniser of a text encoder's model.
 * @throws DndError READ_FAILED, CORRUPT_FILE, UNSUPPORTED_ENCODER
 */
export async function loadTokeniser({ folder, config, ...files }: TokeniserFolder): Promise<Tokeniser> {
  const { vocabSize, padTokenId } = parseEncoderConfig(await readJson(config), config);
  const tokenizer = await readJson(files.tokenizer);
  const settings = files.tokenizerConfig === undefined ? {} : await readJson(files.tokenizerConfig);
  return new Tokeniser({ tokenizer, config: settings, folder }, vocabSize, padTokenId);
}

/** A text encoder's model with its tokeniser, from a folder in the layout of Hugging Face or sentence-transformers. */
export class ModelTextEncoder implements TextEncoder {
  readonly channels: number;
  readonly maxWindow: number;
  readonly minLength: number;
  readonly encodesPadding = true;

  private constructor(
    readonly model: ModelEncoder,
    readonly tokeniser: Tokeniser,
    readonly identity: EncoderIdentity,
  ) {
    this.channels = model.config.hiddenSize;
    this.maxWindow = model.config.maxPositions;
    this.minLength = tokeniser.minLength;
  }

  /**
   * Reads `config.json`, `tokenizer.json`, `tokenizer_config.json` if present, and `model.safetensors`, its parts or
   * `pytorch_model.bin`.
   * sentence-transformers' own files (`modules.json`, `1_Pooling`, …) are ignored: they describe sentence pooling, but
   * a condition uses the hidden states of all tokens, and the generator sets its pooling.
   * @throws DndError FILE_NOT_FOUND, CORRUPT_FILE, UNSUPPORTED_ENCODER, INVALID_WEIGHTS, SHAPE_MISMATCH, OUT_OF_MEMORY
   */
  static async load(folder: string, options: EngineOptions & LongOperation = {}): Promise<ModelTextEncoder> {
    const model = await findModel(folder);
    const config = await readJson(model.config);
    const { hiddenSize, modelType } = parseEncoderConfig(config, model.config);
    const tokeniser = await loadTokeniser(model);
    const weights = await openTensors(model.weights);
    try {
      const described = { type: modelType, channels: hiddenSize };
      const identity = await identityOf(model, weights, described, options.signal);
      const encoder = await ModelEncoder.create(config, weights, { ...options, configSource: model.config });
      return new ModelTextEncoder(encoder, tokeniser, identity);
    } finally {
      await weights.close();
    }
  }

  /**
   * The token ids that `encode` passes to the model.
   * @throws DndError INVALID_PROMPTS, INVALID_ARGUMENT, SHAPE_MISMATCH; `signal.reason`
   */
  async tokenise(
    prompts: readonly string[],
    options: Pick<EncodeOptions, 'maxLength' | 'signal'>,
  ): Promise<TokenisedPrompts> {
    checkRequest(prompts, options, this);
    return this.tokeniser.tokenise(prompts, options.maxLength, options.signal);
  }

  async encode(prompts: readonly string[], options: EncodeOptions): Promise<EncodedPrompts> {
    const { ids, mask, tokens, truncatedPrompts } = await this.tokenise(prompts, options);
    const { maxLength, padding, pooling, signal, onProgress } = options;
    const request = { ids, mask, prompts: prompts.length, length: maxLength, padding, pooling, signal, onProgress };
    const hiddenStates = await this.model.encodeIds(request);
    const length = pooling === 'none' ? maxLength : 1;
    return { hiddenStates, shape: [prompts.length, length, this.channels], tokens, truncatedPrompts };
  }

  dispose(): void {
    this.model.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
  }
}
