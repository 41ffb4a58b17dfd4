import type { BaseModel } from '../adapter/index.js';
import { type LongOperation, steadyProgress } from '../async/index.js';
import { CausalEngine, type CausalEngineOptions } from '../engine/index.js';
import { checkOptions, checkPath, isObject } from '../validation/index.js';
import { ChatTemplate, findChatTemplate } from './chat-template.js';
import { causalConfigFromJson, type LanguageModelConfig } from './config.js';
import { type EndTokens, findEndTokens } from './end-tokens.js';
import { type GenerateOptions, generateTexts } from './generate.js';
import { type Likelihood, type LikelihoodOptions, logLikelihoods } from './likelihood.js';
import { readModelFiles } from './model-folder.js';
import type { LoadedModel } from './passes.js';
import type { Example } from './prompts.js';
import { LanguageTokeniser } from './tokeniser.js';
import { loadLanguageWeights } from './weights.js';

/** Options of `loadLanguageModel`. */
export interface LoadLanguageModelOptions
  extends Pick<CausalEngineOptions, 'threads' | 'memoryLimitBytes' | 'precision'>,
    LongOperation {}

interface Parts {
  folder: string;
  config: LanguageModelConfig;
  tokeniser: LanguageTokeniser;
  chatTemplate: ChatTemplate | undefined;
  endTokens: EndTokens;
  engine: CausalEngine;
}

/**
 * A causal language model with its tokeniser, in native memory: what adapters are trained for and tried on. Every method
 * but `dispose` throws DISPOSED after `dispose`.
 */
export class LanguageModel implements LoadedModel, Disposable {
  /** Folder or GGUF file that it was loaded from. */
  readonly folder: string;
  /** Its architecture and sizes. */
  readonly config: LanguageModelConfig;
  /** Texts ↔ token ids. */
  readonly tokeniser: LanguageTokeniser;
  /** Its chat template; undefined: prompts are continued as they are. */
  readonly chatTemplate: ChatTemplate | undefined;
  /** The tokens that end an answer. */
  readonly endTokens: EndTokens;
  /** @internal */
  readonly engine: CausalEngine;

  /** @internal Use `loadLanguageModel`. */
  constructor(parts: Parts) {
    this.folder = parts.folder;
    this.config = parts.config;
    this.tokeniser = parts.tokeniser;
    this.chatTemplate = parts.chatTemplate;
    this.endTokens = parts.endTokens;
    this.engine = parts.engine;
  }

  /** The shape of it that an adapter depends on. */
  get base(): BaseModel {
    return this.config.base;
  }

  /** The context: most tokens of prompt and response together. */
  get maxPositions(): number {
    return this.config.sizes.maxPositions;
  }

  /** Whether `dispose` has been called. */
  get disposed(): boolean {
    return this.engine.disposed;
  }

  /**
   * What the model, or adapters on it, answers to prompts. The answer to a prompt does not depend on the others.
   * @throws DndError INVALID_PROMPTS for a prompt without tokens or longer than the context; SHAPE_MISMATCH for an
   * adapter of another base; INVALID_ARGUMENT, OUT_OF_MEMORY, DISPOSED; `signal.reason`
   */
  generate(prompts: readonly string[], options: GenerateOptions = {}): Promise<string[]> {
    return generateTexts(this, prompts, options);
  }

  /**
   * Σ ln p of each response after its prompt, in nats, end token included, and the number of its tokens.
   * @throws DndError as `generate` and `encodeExample`
   */
  logLikelihood(items: readonly Example[], options: LikelihoodOptions = {}): Promise<Likelihood[]> {
    return logLikelihoods(this, items, options);
  }

  /** Frees the memory; unfinished work rejects with DISPOSED. Idempotent. */
  dispose(): void {
    this.engine.dispose();
  }

  /** As `dispose`; called by `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Loads a model of the Llama, Mistral, Qwen2 or Qwen3 family from a folder in the layout of Hugging Face: config.json,
 * model.safetensors (or its parts and their index), tokenizer.json, and where they exist tokenizer_config.json,
 * generation_config.json and chat_template.jinja; or from a GGUF file, whose weights are dequantised.
 * @param folder the folder, or the GGUF file
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE; UNSUPPORTED_BASE for a model with a part that is not
 * supported, named; SHAPE_MISMATCH for files that do not belong together; INVALID_WEIGHTS, OUT_OF_MEMORY,
 * INVALID_ARGUMENT; DEVICE_UNAVAILABLE for the precision bf16 on a CPU without its instruction set; `signal.reason`
 */
export async function loadLanguageModel(
  folder: string,
  options: LoadLanguageModelOptions = {},
): Promise<LanguageModel> {
  checkPath(folder, 'the folder of the language model');
  const { threads, memoryLimitBytes, precision, signal, onProgress } = checkOptions(
    options,
    'options of loadLanguageModel',
  );
  signal?.throwIfAborted();
  const files = await readModelFiles(folder);
  const config = causalConfigFromJson(files.config, files.configPath, files.frequencyFactors);
  const described = { tokenizer: files.tokenizer, config: files.tokenizerConfig, folder };
  const tokeniser = new LanguageTokeniser(described, config.sizes.vocabSize);
  const tokenizerConfig = isObject(files.tokenizerConfig) ? files.tokenizerConfig : {};
  const template = findChatTemplate(files.chatTemplate, tokenizerConfig, folder);
  const chatTemplate = template === undefined ? undefined : new ChatTemplate(template, tokeniser.specialTokens, folder);
  const endTokens = findEndTokens(files, config.endIds, tokeniser);
  const weights = await files.openWeights();
  let engine: CausalEngine | undefined;
  try {
    engine = await CausalEngine.create({ ...config.sizes, threads, memoryLimitBytes, precision, mapped: true });
    await loadLanguageWeights(engine, weights, { signal, onProgress: steadyProgress(onProgress) });
    return new LanguageModel({ folder, config, tokeniser, chatTemplate, endTokens, engine });
  } catch (error) {
    engine?.dispose();
    throw error;
  } finally {
    await weights.close();
  }
}
