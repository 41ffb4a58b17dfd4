import { formatBytes } from '../byte-counts.js';
import { addon } from './addon.js';
import type { DeviceUse } from './device.js';
import { callNative } from './errors.js';
import type { JobOptions } from './job.js';
import { MappableEngine } from './mappable.js';
import { createHandle, deviceOf, type EngineOptions } from './model.js';
import type { AlgorithmChoice, DecoderHandle, FlatLayout } from './native.js';

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
export class DecoderEngine extends MappableEngine<DecoderHandle> {
  readonly features: readonly Feature[];
  /** Of one task. */
  readonly #conditionBytes: number;

  /** Throws INVALID_ARGUMENT, OUT_OF_MEMORY, DEVICE_UNAVAILABLE or ADDON_UNAVAILABLE. */
  static async create(options: DecoderEngineOptions): Promise<DecoderEngine> {
    const { features, kernelSize, projectedFrom = 0, algorithm = 'auto' } = options;
    const { DecoderHandle } = addon();
    const { use, native } = await deviceOf(options);
    const shape = { features: features.flat(), kernelSize, projectedFrom, algorithm };
    const handle = createHandle('decoder', () => new DecoderHandle({ ...shape, ...native }));
    return new DecoderEngine(handle, use, options);
  }

  private constructor(handle: DecoderHandle, device: DeviceUse, options: DecoderEngineOptions) {
    super('decoder', handle, device, options);
    this.features = options.features;
    const [tokens, height, width] = options.features[0]!;
    this.#conditionBytes = bytesOf([tokens, options.projectedFrom || height, width]);
  }

  /**
   * Device memory that `forward` works in, or `adapters` for adapters of `restoredElements`; on a CPU a part of what the
   * machine has. A memory limit makes it work in less, as far as that is possible; where it is not, the bytes are the
   * ones needed, more than the limit leaves. On a CUDA device to be asked only while no job is under way.
   */
  workspaceBytes(batch: number, restoredElements = 0): number {
    const handle = this.handle();
    return callNative(() =>
      handle.workspaceBytes(batch, this.#workspaceLimit(batch, restoredElements), restoredElements),
    );
  }

  /** Bytes of a batch beside the parameters: conditions, working memory, weight tokens or adapters. */
  batchBytes(batch: number, restoredElements = 0): number {
    return this.workspaceBytes(batch, restoredElements) + this.operandBytes(batch, restoredElements);
  }

  /** Bytes of the host's memory that conditions and results of a batch take: weight tokens, or adapters. */
  operandBytes(batch: number, restoredElements = 0): number {
    const result = restoredElements * Float32Array.BYTES_PER_ELEMENT || bytesOf(this.features.at(-1)!);
    return batch * (this.#conditionBytes + result);
  }

  /** The largest batch, at most `most` and at least 1, for which there is the memory. While no job is under way. */
  affordableBatch(most: number, restoredElements = 0): number {
    const host = this.budget.affordableBytes(this.parameterBytes);
    const device = this.device.kind === 'cpu' ? host : this.deviceMemory().roomBytes;
    const fits = (batch: number) => {
      const operands = this.operandBytes(batch, restoredElements);
      const workspace = this.workspaceBytes(batch, restoredElements);
      return this.device.kind === 'cpu' ? operands + workspace <= host : operands <= host && workspace <= device;
    };
    // Beyond this not even conditions and results have room.
    let batch = Math.max(1, Math.min(most, Math.floor(host / this.operandBytes(1, restoredElements))));
    while (batch > 1 && !fits(batch)) batch--;
    return batch;
  }

  #workspaceLimit(batch: number, restoredElements: number): number {
    return this.budget.leftBytes(this.parameterBytes + this.operandBytes(batch, restoredElements));
  }

  /**
   * Fills the parameters with PyTorch's default initialisation; the same seed (a whole number, 0 … 2⁵³ − 1) gives the
   * same numbers on every machine and for any number of threads.
   */
  async initialise(seed: number, options?: JobOptions): Promise<void> {
    await this.run<undefined>((handle, done) => handle.initialise(seed, done), options);
  }

  /**
   * Writes what `initialise` would give elements [elementOffset, …) of a parameter into `into`, which must not be used until
   * the end; the parameters stay as they are, and take no memory if they had none. `elementOffset`: a multiple of 4.
   */
  async initialValues(
    seed: number,
    name: string,
    { elementOffset, into }: { elementOffset: number; into: Float32Array },
    options?: JobOptions,
  ): Promise<void> {
    await this.run<undefined>((handle, done) => handle.initialValues(seed, name, elementOffset, into, done), options);
  }

  /**
   * Condition to weight tokens.
   *
   * @param condition [batch, N0, projectedFrom or H0, W0] of the first feature; must not change until the end
   * @returns [batch, N, H, W] of the last feature
   */
  async forward(condition: Float32Array, batch: number, options?: JobOptions): Promise<Float32Array<ArrayBuffer>> {
    this.#requireMemory(batch, 0);
    return new Float32Array(
      await this.run<ArrayBuffer>(
        (handle, done) => handle.forward(condition, batch, this.#workspaceLimit(batch, 0), done),
        options,
      ),
    );
  }

  /**
   * Condition to the weights of adapters: `forward`, and the weight tokens are de-normalised where they are.
   *
   * @param condition as for `forward`
   * @param layout of the last feature's weight tokens
   * @returns one adapter for each task: [layout.elements]
   */
  async adapters(
    condition: Float32Array,
    batch: number,
    layout: FlatLayout,
    options?: JobOptions,
  ): Promise<Float32Array<ArrayBuffer>[]> {
    this.#requireMemory(batch, layout.elements);
    const limit = this.#workspaceLimit(batch, layout.elements);
    const adapters = await this.run<ArrayBuffer[]>(
      (handle, done) => handle.adapters(condition, batch, layout, limit, done),
      options,
    );
    return adapters.map((values) => new Float32Array(values));
  }

  #requireMemory(batch: number, restoredElements: number): void {
    const purpose = `a forward pass over a batch of ${batch}`;
    const workspace = () => this.workspaceBytes(batch, restoredElements);
    this.requireWorkingMemory(
      purpose,
      { operands: this.operandBytes(batch, restoredElements), workspace },
      batch > 1 && this.device.kind === 'cpu'
        ? `lower the batch (a batch of 1 needs ${formatBytes(this.batchBytes(1, restoredElements))})`
        : batch > 1
          ? 'lower the batch'
          : 'use a smaller decoder',
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

/** Of float32 numbers in this shape. */
export function bytesOf([tokens, height, width]: Feature): number {
  return tokens * height * width * Float32Array.BYTES_PER_ELEMENT;
}
