import type { LongOperation } from '../async/index.js';
import { EncoderEngine, type EngineOptions } from '../engine/index.js';
import type { TensorReader } from '../formats/safetensors/index.js';
import { onDeviceOrCpu } from './device.js';
import type { EncoderConfig } from './encoder-config.js';
import { loadEncoderWeights } from './encoder-weights.js';
import { parseEncoderConfig } from './families.js';
import type { Padding, Pooling } from './text-encoder.js';

/** Token ids to encode. */
export interface EncodeIds extends LongOperation {
  /** [prompts, length]; must not change until the end. */
  ids: Int32Array;
  /** [prompts, length]: 1 for a real token, 0 for padding; must not change until the end. */
  mask: Int32Array;
  prompts: number;
  /** At most the window, or a multiple of it. */
  length: number;
  /** Length of the pieces that pass through the model one by one; default: the length, at most the model's positions. */
  window?: number | undefined;
  padding: Padding;
  pooling: Pooling;
}

/** A text encoder's model without its tokeniser: token ids in, hidden states out. The mathematics is the engine's. */
export class ModelEncoder implements AsyncDisposable {
  private constructor(
    readonly config: Readonly<EncoderConfig>,
    readonly engine: EncoderEngine,
  ) {}

  /**
   * @param config as in the model's `config.json`
   * @param weights tensors by their Hugging Face names; other tensors are ignored
   * @throws DndError as `parseEncoderConfig`, `EncoderEngine.create` and `loadEncoderWeights` do
   */
  static async create(
    config: unknown,
    weights: TensorReader,
    options: EngineOptions & LongOperation & { configSource?: string } = {},
  ): Promise<ModelEncoder> {
    const { threads, memoryLimitBytes, device, precision, configSource = `config of ${weights.path}` } = options;
    const parsed = parseEncoderConfig(config, configSource);
    const { modelType: _, padTokenId: __, tensors, ...sizes } = parsed;
    const engine = await onDeviceOrCpu(device, (use) =>
      EncoderEngine.create({ ...sizes, threads, memoryLimitBytes, device: use, precision, mapped: true }),
    );
    try {
      await loadEncoderWeights(engine, weights, { ...options, names: tensors });
      await engine.prepare({ signal: options.signal });
    } catch (error) {
      engine.dispose();
      throw error;
    }
    return new ModelEncoder(parsed, engine);
  }

  /**
   * @returns hidden states [prompts, length, hiddenSize], or [prompts, hiddenSize] when pooled
   * @throws DndError INVALID_ARGUMENT for ids, lengths or windows that do not fit the model, OUT_OF_MEMORY, DISPOSED;
   * `signal.reason`
   */
  async encodeIds(request: EncodeIds): Promise<Float32Array<ArrayBuffer>> {
    const { ids, mask, prompts, length, padding, pooling, signal, onProgress } = request;
    const window = request.window ?? Math.min(length, this.config.maxPositions);
    return this.engine.encode(ids, mask, { prompts, length, window, padding, pooling }, { signal, onProgress });
  }

  dispose(): void {
    this.engine.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
  }
}
