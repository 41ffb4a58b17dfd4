import { type AdapterTensor, type LoraAdapter, type LoraConfig, writePeft } from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import { DndError } from '../errors.js';
import type { GenerationReport } from './report.js';

/** Of the saved tensors. */
export const ADAPTER_DTYPES = { bf16: 'BF16', f16: 'F16', f32: 'F32' } as const;
export type SavedDtype = keyof typeof ADAPTER_DTYPES;

export interface SaveAdapterOptions extends LongOperation {
  /** Default: bf16, as the published code saves. */
  dtype?: SavedDtype | undefined;
  /** Replace an adapter that is there already. */
  force?: boolean | undefined;
}

/** An adapter, in float32, with the story of how it was made. */
export class GeneratedAdapter {
  readonly #adapter: LoraAdapter;

  constructor(
    adapter: LoraAdapter,
    readonly report: GenerationReport,
  ) {
    this.#adapter = adapter;
  }

  /** Rank, alpha, target modules, base model. */
  get config(): Readonly<LoraConfig> {
    return this.#adapter.config;
  }

  /** By PEFT name: A is [rank, input width], B is [output width, rank]. */
  get tensors(): ReadonlyMap<string, AdapterTensor> {
    return this.#adapter.tensors;
  }

  /**
   * Writes a PEFT folder: `adapter_config.json` and `adapter_model.safetensors`. The folder appears whole or not at
   * all.
   * @throws DndError OUTPUT_EXISTS, NOT_WRITABLE, DISK_FULL, INVALID_ARGUMENT for another dtype, INVALID_WEIGHTS for
   * weights that the dtype cannot hold; `signal.reason` after an abort
   */
  async save(folder: string, options: SaveAdapterOptions = {}): Promise<void> {
    const { dtype = 'bf16', ...rest } = options;
    if (!Object.hasOwn(ADAPTER_DTYPES, dtype))
      throw new DndError(
        'INVALID_ARGUMENT',
        `there is no dtype '${dtype}'; choose ${Object.keys(ADAPTER_DTYPES).join(', ')}`,
      );
    await writePeft(folder, this.#adapter, { ...rest, dtype: ADAPTER_DTYPES[dtype] });
  }
}
