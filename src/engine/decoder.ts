import { addon } from './addon.js';
import { callNative } from './errors.js';
import type { JobOptions } from './job.js';
import { formatBytes } from './memory.js';
import { createHandle, type EngineOptions, ModelEngine } from './model.js';
import type { AlgorithmChoice, DecoderHandle } from './native.js';

/** Shape of the data between two layers: [tokens, height, width]. */
export type Feature = readonly [tokens: number, height: number, width: number];

export interface DecoderEngineOptions extends EngineOptions {
  /** The condition's shape first, the weight tokens' last. */
  features: readonly Feature[];
  /** Odd size of every convolution kernel. */
  kernelSize: number;
  /** Length of the condition before the length projection; default: no length projection. */
  projectedFrom?: number | undefined;
  /** Of every convolution. Default: 'auto', what is predicted to be faster. */
  algorithm?: AlgorithmChoice | undefined;
}

/** The hyper-convolutional decoder in native memory. Parameters hold nothing sensible until written or initialised. */
export class DecoderEngine extends ModelEngine<DecoderHandle> {
  readonly features: readonly Feature[];
  /** Of one task: its condition and its weight tokens. */
  readonly #operandBytes: number;

  /** Throws INVALID_ARGUMENT, OUT_OF_MEMORY or ADDON_UNAVAILABLE. */
  static async create(options: DecoderEngineOptions): Promise<DecoderEngine> {
    const { features, kernelSize, projectedFrom = 0, algorithm = 'auto', threads = 0 } = options;
    const { DecoderHandle } = addon();
    const native = { features: features.flat(), kernelSize, projectedFrom, algorithm, threads };
    const handle = createHandle('decoder', () => new DecoderHandle(native));
    return new DecoderEngine(handle, options);
  }

  private constructor(handle: DecoderHandle, options: DecoderEngineOptions) {
    super('decoder', handle, options.memoryLimitBytes);
    this.features = options.features;
    const [tokens, height, width] = options.features[0]!;
    this.#operandBytes = bytesOf([tokens, options.projectedFrom || height, width]) + bytesOf(options.features.at(-1)!);
  }

  /**
   * Bytes that `forward` needs beside the parameters, the condition and the result. A memory limit makes it work in less,
   * as far as that is possible; where it is not, the bytes are the ones needed, more than the limit leaves.
   */
  workspaceBytes(batch: number): number {
    const handle = this.handle();
    return callNative(() => handle.workspaceBytes(batch, this.#workspaceLimit(batch)));
  }

  /** Bytes of a batch beside the parameters: conditions, working memory, weight tokens. */
  batchBytes(batch: number): number {
    return this.workspaceBytes(batch) + batch * this.#operandBytes;
  }

  #workspaceLimit(batch: number): number {
    const room = this.roomBytes ?? Number.MAX_SAFE_INTEGER;
    return Math.max(0, room - batch * this.#operandBytes);
  }

  /**
   * Fills the parameters with PyTorch's default initialisation; the same seed (a whole number, 0 … 2⁵³ − 1) gives the
   * same numbers on every machine and for any number of threads.
   */
  async initialise(seed: number, options?: JobOptions): Promise<void> {
    await this.run<undefined>((handle, done) => handle.initialise(seed, done), options);
  }

  /**
   * Condition to weight tokens.
   *
   * @param condition [batch, N0, projectedFrom or H0, W0] of the first feature; must not change until the end
   * @returns [batch, N, H, W] of the last feature
   */
  async forward(condition: Float32Array, batch: number, options?: JobOptions): Promise<Float32Array<ArrayBuffer>> {
    const lower =
      batch > 1 ? `lower the batch (a batch of 1 needs ${formatBytes(this.batchBytes(1))})` : 'use a smaller decoder';
    this.requireWorkingMemory(`a forward pass over a batch of ${batch}`, this.batchBytes(batch), lower);
    return new Float32Array(
      await this.run<ArrayBuffer>(
        (handle, done) => handle.forward(condition, batch, this.#workspaceLimit(batch), done),
        options,
      ),
    );
  }

  /**
   * The length projection alone.
   *
   * @param condition [batch, N0, projectedFrom, W0]; must not change until the end
   * @returns [batch, N0, H0, W0]
   */
  async project(condition: Float32Array, batch: number, options?: JobOptions): Promise<Float32Array<ArrayBuffer>> {
    return new Float32Array(
      await this.run<ArrayBuffer>((handle, done) => handle.project(condition, batch, done), options),
    );
  }
}

function bytesOf([tokens, height, width]: Feature): number {
  return tokens * height * width * Float32Array.BYTES_PER_ELEMENT;
}
