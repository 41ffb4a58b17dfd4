import {
  type AdapterDtype,
  type AdapterTensor,
  type LoraAdapter,
  type LoraConfig,
  writePeft,
} from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import { DndError } from '../errors.js';
import { checkOptions, quoteValue } from '../validation/index.js';
import type { GenerationReport } from './report.js';

/** Dtype of the saved tensors. */
export const ADAPTER_DTYPES = { bf16: 'BF16', f16: 'F16', f32: 'F32' } as const;
export type SavedDtype = keyof typeof ADAPTER_DTYPES;

/** @throws DndError INVALID_ARGUMENT for an unknown name, from callers without types */
export function adapterDtype(name: SavedDtype): AdapterDtype {
  if (typeof name === 'string' && Object.hasOwn(ADAPTER_DTYPES, name)) return ADAPTER_DTYPES[name];
  throw new DndError(
    'INVALID_ARGUMENT',
    `there is no dtype ${quoteValue(name)}; choose ${Object.keys(ADAPTER_DTYPES).join(', ')}`,
  );
}

export interface SaveAdapterOptions extends LongOperation {
  /** Default: bf16, as the published code saves. */
  dtype?: SavedDtype | undefined;
  /** Replace an existing adapter. */
  force?: boolean | undefined;
}

/** An adapter, in float32, with the report of its generation. */
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
   * @throws DndError OUTPUT_EXISTS, NOT_WRITABLE, DISK_FULL, INVALID_ARGUMENT for an unknown dtype, INVALID_WEIGHTS for
   * weights outside the dtype's range; `signal.reason` after an abort
   */
  async save(folder: string, options: SaveAdapterOptions = {}): Promise<void> {
    const { dtype = 'bf16', ...rest } = checkOptions(options, 'options of save');
    await writePeft(folder, this.#adapter, { ...rest, dtype: adapterDtype(dtype) });
  }
}
