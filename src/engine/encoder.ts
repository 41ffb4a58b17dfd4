import { addon } from './addon.js';
import type { DeviceUse } from './device.js';
import { callNative } from './errors.js';
import type { JobOptions } from './job.js';
import { MappableEngine } from './mappable.js';
import { createHandle, deviceOf, type EngineOptions } from './model.js';
import type { EncodeOptions, EncoderArchitecture, EncoderHandle, EncoderSizes } from './native.js';

export interface EncoderEngineOptions extends EncoderSizes, EngineOptions {
  /** Default: BERT's. */
  architecture?: EncoderArchitecture | undefined;
}

/**
 * A text encoder in native memory. Parameters are uninitialised until written; their names are those of BERT, whatever
 * the architecture (native/model/text_encoder.h).
 */
export class EncoderEngine extends MappableEngine<EncoderHandle> {
  readonly hiddenSize: number;

  /** Throws INVALID_ARGUMENT, OUT_OF_MEMORY, DEVICE_UNAVAILABLE or ADDON_UNAVAILABLE. */
  static async create(options: EncoderEngineOptions): Promise<EncoderEngine> {
    const { EncoderHandle } = addon();
    const { use, native } = await deviceOf(options);
    const handle = createHandle(
      'text encoder',
      () => new EncoderHandle({ ...options, architecture: options.architecture ?? null, ...native }),
    );
    return new EncoderEngine(handle, use, options);
  }

  private constructor(handle: EncoderHandle, device: DeviceUse, options: EncoderEngineOptions) {
    super('text encoder', handle, device, options);
    this.hiddenSize = options.hiddenSize;
  }

  /** As of every model; also throws OUT_OF_MEMORY where weights in bfloat16 do not fit beside the parameters. */
  override async prepare(options?: JobOptions): Promise<void> {
    const one = { prompts: 1, length: 1, window: 1, padding: 'zero', pooling: 'none' } as const;
    this.#requireMemory('preparing the text encoder', one, 0, 'use a smaller text encoder');
    await super.prepare(options);
  }

  #requireMemory(purpose: string, shape: EncodeOptions, operands: number, lower: string): void {
    const held = this.device.kind === 'cpu' ? this.deviceMemory().heldBytes : 0;
    this.requireWorkingMemory(purpose, { operands, workspace: () => this.workspaceBytes(shape), held }, lower);
  }

  /**
   * Workspace of `encode` in bytes, besides parameters, ids and result; with the precision `bf16` on a CPU also the weights
   * in bfloat16, which stay.
   */
  workspaceBytes(options: EncodeOptions): number {
    const handle = this.handle();
    return callNative(() => handle.workspaceBytes(options));
  }

  /**
   * Token ids to hidden states.
   *
   * @param ids [prompts, length]; must not change until the end
   * @param mask [prompts, length], 1 for a token and 0 for padding; must not change until the end
   * @returns [prompts, length, hidden], or [prompts, hidden] when pooled
   */
  async encode(
    ids: Int32Array,
    mask: Int32Array,
    options: EncodeOptions,
    jobOptions?: JobOptions,
  ): Promise<Float32Array<ArrayBuffer>> {
    const positions = options.pooling === 'none' ? options.length : 1;
    const operands = options.prompts * positions * this.hiddenSize * Float32Array.BYTES_PER_ELEMENT;
    const purpose = `encoding ${options.prompts} prompts of ${options.length} tokens`;
    this.#requireMemory(purpose, options, operands, 'encode fewer prompts at once');
    return new Float32Array(
      await this.run<ArrayBuffer>((handle, done) => handle.encode(ids, mask, options, done), jobOptions),
    );
  }
}
