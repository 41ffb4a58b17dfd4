import { DndError } from '../errors.js';
import { addon } from './addon.js';
import { type CausalSequences, checkLabels, checkLengths, nativeBatch, sliceOf } from './causal-batch.js';
import { checkDevice, type DeviceUse, nativeDevice, PRECISIONS, type PrecisionName } from './device.js';
import { callNative } from './errors.js';
import type { JobOptions } from './job.js';
import { MappableEngine } from './mappable.js';
import { createHandle, deviceOf, type EngineOptions } from './model.js';
import type {
  AdapterGradients,
  CausalHandle,
  CausalPassMemory,
  CausalSizes,
  GeneratedIds,
  LikelihoodSum,
  SequenceLikelihood,
} from './native-language.js';

export type CausalEngineOptions = CausalSizes &
  Omit<EngineOptions, 'precision'> & {
    /**
     * 'bf16': products with the weights, which stay as they are, have bfloat16 operands and float32 sums, in half the
     * time; needs a CPU with AVX512-BF16, and 2 more bytes for each weight, or 4 with gradients of adapters. Default:
     * 'fp32'.
     */
    precision?: PrecisionName | undefined;
  };

export interface GenerationOptions {
  /** Of each sequence; the context's end stops it earlier. */
  maxNewTokens: number;
  /** Ids that end a sequence. Default: none. */
  endIds?: readonly number[] | undefined;
  /** Default: 0, greedy. */
  temperature?: number | undefined;
  /** Draw only from this many of the most likely tokens; default: 0, all. */
  topK?: number | undefined;
  /** Draw only from the most likely tokens whose probabilities together reach it; default: 1, all. */
  topP?: number | undefined;
  /** A whole number, 0 … 2⁵³ − 1. Default: 0. */
  seed?: number | undefined;
  /** Of each sequence: which random numbers it draws. Default: its index. */
  streams?: readonly number[] | undefined;
}

export interface GeneratedSequence {
  /** Without the prompt and the end id. */
  ids: Int32Array<ArrayBuffer>;
  /** Whether it ended with an end id. */
  ended: boolean;
}

/** Gradient of a loss with respect to adapters. */
export interface AdapterGradient {
  /** Of each sequence. With teachers, −KL in the place of ln p. */
  likelihoods: LikelihoodSum[];
  /** Of each adapter, in its order; zeros for one that no sequence uses. */
  gradients: Float32Array<ArrayBuffer>[];
}

/**
 * A causal language model of the Llama family in native memory. Parameters have Hugging Face's names and hold nothing
 * sensible until written or initialised. What a sequence gives does not depend on the others of its batch, on the number
 * of threads or on memory limits.
 */
export class CausalEngine extends MappableEngine<CausalHandle> {
  readonly sizes: Readonly<CausalSizes>;

  /**
   * Throws INVALID_ARGUMENT, OUT_OF_MEMORY, DEVICE_UNAVAILABLE (for 'bf16' also on a CPU without its instruction set) or
   * ADDON_UNAVAILABLE.
   */
  static async create(options: CausalEngineOptions): Promise<CausalEngine> {
    const { CausalHandle } = addon();
    const use = await languageDevice(options);
    const native = nativeDevice(use, options);
    const handle = createHandle('language model', () => new CausalHandle({ ...options, ...native }));
    return new CausalEngine(handle, use, options);
  }

  private constructor(handle: CausalHandle, device: DeviceUse, options: CausalEngineOptions) {
    super('language model', handle, device, options);
    this.sizes = options;
  }

  /** The addon's handle, for a trainer that shares the parameters. Throws DISPOSED. */
  get sharedHandle(): CausalHandle {
    return this.handle();
  }

  /** Normal matrices of this standard deviation, norms 1, biases 0; the same numbers on every machine. */
  async initialise(seed: number, standardDeviation: number, options?: JobOptions): Promise<void> {
    await this.run<undefined>((handle, done) => handle.initialise(seed, standardDeviation, done), options);
  }

  /**
   * Hidden states after a layer.
   * @param layer 1 … layers; after the last one the final norm is applied too
   * @returns [tokens, hiddenSize]
   */
  async hiddenStates(batch: CausalSequences, layer: number, options?: JobOptions): Promise<Float32Array<ArrayBuffer>> {
    this.#requireWorkspace('hidden states', batch, null, batch.ids.length * this.sizes.hiddenSize);
    const native = nativeBatch(batch);
    return new Float32Array(
      await this.run<ArrayBuffer>((handle, done) => handle.hiddenStates(native, layer, done), options),
    );
  }

  /** @returns [tokens, vocabSize] */
  async logits(batch: CausalSequences, options?: JobOptions): Promise<Float32Array<ArrayBuffer>> {
    this.#requireWorkspace('logits', batch, null, batch.ids.length * this.sizes.vocabSize);
    const native = nativeBatch(batch);
    return new Float32Array(await this.run<ArrayBuffer>((handle, done) => handle.logits(native, done), options));
  }

  /**
   * Log-likelihood of the labels of each sequence, and the ids that are most likely in their place.
   * @param labels one for each id, in Hugging Face's convention: position i − 1 predicts label i of the same sequence;
   * −100 is ignored. Must not change until the end
   */
  async logLikelihoods(
    batch: CausalSequences,
    labels: Int32Array,
    options?: JobOptions,
  ): Promise<SequenceLikelihood[]> {
    checkLabels(batch, labels);
    this.#requireWorkspace('log-likelihoods', batch, labels, 0);
    const native = nativeBatch(batch);
    return this.run<SequenceLikelihood[]>((handle, done) => handle.logLikelihoods(native, labels, done), options);
  }

  /**
   * Continues each sequence. If the key–value cache of all of them does not fit into memory, some go first; the result
   * is the same.
   */
  async generate(
    batch: CausalSequences,
    settings: GenerationOptions,
    options: JobOptions = {},
  ): Promise<GeneratedSequence[]> {
    checkLengths(batch);
    const generated: GeneratedSequence[] = [];
    const total = batch.lengths.length;
    for (let begin = 0; begin < total; ) {
      const end = this.#affordableEnd(batch, begin, settings.maxNewTokens);
      const before = begin;
      const part = await this.#generatePart(sliceOf(batch, begin, end), partSettings(settings, total, begin, end), {
        signal: options.signal,
        onProgress: options.onProgress && ((share) => options.onProgress?.((before + share * (end - before)) / total)),
      });
      generated.push(...part);
      begin = end;
    }
    return generated;
  }

  /** Memory of `adapterGradients` beside the parameters, batch and result. */
  gradientMemory(batch: CausalSequences, labels: Int32Array): CausalPassMemory {
    const handle = this.handle();
    const operands = this.#gradientBytes(batch);
    return callNative(() => handle.gradientMemory(nativeBatch(batch), labels, this.#gradientLimit(operands)));
  }

  /**
   * Gradient of weight · Σ −ln p(label) with respect to each adapter of the batch; the model itself is frozen. With
   * teachers, of weight · Σ KL(p with the teacher ‖ p with the adapter), over the predictions of the labels.
   * @param labels as of `logLikelihoods`
   * @throws DndError OUT_OF_MEMORY before the work, INVALID_ARGUMENT for a batch without adapters, DISPOSED
   */
  async adapterGradients(
    batch: CausalSequences,
    labels: Int32Array,
    weight: number,
    options?: JobOptions,
  ): Promise<AdapterGradient> {
    checkLabels(batch, labels);
    const operands = this.#gradientBytes(batch);
    const limit = this.#gradientLimit(operands);
    const workspace = () => this.gradientMemory(batch, labels).activations;
    const held = this.#heldBytes();
    this.requireWorkingMemory(
      'the gradient of adapters',
      { operands, workspace, held },
      'give fewer sequences at once',
    );
    const native = nativeBatch(batch);
    const { likelihoods, gradients } = await this.run<AdapterGradients>(
      (handle, done) => handle.adapterGradients(native, labels, weight, limit, done),
      options,
    );
    return { likelihoods, gradients: gradients.map((values) => new Float32Array(values)) };
  }

  async #generatePart(
    batch: CausalSequences,
    settings: GenerationOptions & { streams: readonly number[] },
    options: JobOptions,
  ): Promise<GeneratedSequence[]> {
    const { maxNewTokens, endIds = [], temperature = 0, topK = 0, topP = 1, seed = 0, streams } = settings;
    const native = nativeBatch(batch);
    const shared = { maxNewTokens, endIds: [...endIds], temperature, topK, topP, seed, streams: [...streams] };
    const sequences = await this.run<GeneratedIds[]>((handle, done) => handle.generate(native, shared, done), options);
    return sequences.map(({ ids, ended }) => ({ ids: new Int32Array(ids), ended }));
  }

  /** The end of the longest run of sequences from `begin` whose generation fits into memory. Throws OUT_OF_MEMORY. */
  #affordableEnd(batch: CausalSequences, begin: number, maxNewTokens: number): number {
    const handle = this.handle();
    const held = this.#heldBytes();
    const room = Math.min(this.budget.available() + held, this.budget.leftBytes(this.parameterBytes));
    const bytes = (end: number) =>
      callNative(() => handle.generationBytes(nativeBatch(sliceOf(batch, begin, end)), maxNewTokens));
    let end = batch.lengths.length;
    while (end > begin + 1 && bytes(end) > room) end = begin + Math.ceil((end - begin) / 2);
    const purpose = `generating ${maxNewTokens} tokens after ${batch.lengths[begin]}`;
    this.requireWorkingMemory(purpose, { operands: 0, workspace: () => bytes(end), held }, 'generate fewer tokens');
    return end;
  }

  #requireWorkspace(what: string, batch: CausalSequences, labels: Int32Array | null, results: number): void {
    const handle = this.handle();
    const purpose = `computing the ${what} of ${batch.lengths.length} sequences of ${batch.ids.length} tokens together`;
    const operands = results * Float32Array.BYTES_PER_ELEMENT;
    const workspace = () => callNative(() => handle.workspaceBytes(nativeBatch(batch), labels));
    const held = this.#heldBytes();
    this.requireWorkingMemory(purpose, { operands, workspace, held }, 'give fewer sequences at once');
  }

  /** What stays from one call to the next: weights in bfloat16. */
  #heldBytes(): number {
    return this.deviceMemory().heldBytes;
  }

  /** Bytes of the adapters, their gradients and their teachers. */
  #gradientBytes({ lora }: CausalSequences): number {
    if (!lora) throw new DndError('INVALID_ARGUMENT', 'adapterGradients: the batch has no adapters');
    const bytes = (adapters: readonly Float32Array[]) => adapters.reduce((sum, { byteLength }) => sum + byteLength, 0);
    return 2 * bytes(lora.adapters) + bytes(lora.teachers ?? []);
  }

  /** Most that a gradient's pass may take, beside these operands. */
  #gradientLimit(operands: number): number {
    return this.budget.trainingBytes({ operands: this.parameterBytes + operands, held: () => this.#heldBytes() });
  }
}

async function languageDevice({ precision, ...options }: CausalEngineOptions): Promise<DeviceUse> {
  checkDevice({ precision }, PRECISIONS);
  const { use } = await deviceOf({ ...options, precision });
  return precision === 'bf16' && use.kind === 'cpu' ? { ...use, precision } : use;
}

function partSettings(
  settings: GenerationOptions,
  total: number,
  begin: number,
  end: number,
): GenerationOptions & { streams: readonly number[] } {
  const streams = settings.streams ?? Array.from({ length: total }, (_, index) => index);
  if (streams.length !== total) {
    throw new DndError(
      'INVALID_ARGUMENT',
      `streams: there are ${streams.length}; expected one for each of ${total} sequences`,
    );
  }
  return { ...settings, streams: streams.slice(begin, end) };
}
