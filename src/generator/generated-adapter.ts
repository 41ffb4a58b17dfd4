import type { AdapterTensor, BaseModel, LoraAdapter, LoraConfig } from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import { writeFolderAtomically } from '../files/index.js';
import { checkOptions } from '../validation/index.js';
import { ADAPTER_MARKERS, type AdapterFormat, checkSaving, type SavedDtype, writeFormats } from './adapter-formats.js';
import type { GenerationReport } from './report.js';

/** Options of `GeneratedAdapter.save`. */
export interface SaveAdapterOptions extends LongOperation {
  /** Dtype of the saved matrices. Default: bf16, as the published code saves. */
  dtype?: SavedDtype | undefined;
  /**
   * What is written: peft, a PEFT folder; gguf, `adapter.gguf` for llama.cpp; mlx, a folder for mlx-lm; all, the PEFT
   * folder with the others in it. Default: peft.
   */
  format?: AdapterFormat | undefined;
  /** Replace an existing adapter. */
  force?: boolean | undefined;
}

/** An adapter, in float32, with the report of its generation. */
export class GeneratedAdapter {
  readonly #adapter: LoraAdapter;
  readonly #base: BaseModel;

  /** @internal Made by `Generator`. */
  constructor(
    adapter: LoraAdapter,
    /** How it was generated. Plain data. */
    readonly report: GenerationReport,
    base: BaseModel,
  ) {
    this.#adapter = adapter;
    this.#base = base;
  }

  /** Rank, alpha, target modules, base model. */
  get config(): Readonly<LoraConfig> {
    return this.#adapter.config;
  }

  /** The matrices by PEFT name: A is [rank, input width], B is [output width, rank]. */
  get tensors(): ReadonlyMap<string, AdapterTensor> {
    return this.#adapter.tensors;
  }

  /**
   * Writes a PEFT folder (`adapter_config.json` and `adapter_model.safetensors`), a folder with `adapter.gguf`, an MLX
   * folder, or all: a PEFT folder with `adapter.gguf` and a folder `mlx` in it. It appears whole or not at all.
   * @throws DndError OUTPUT_EXISTS, NOT_WRITABLE, DISK_FULL, INVALID_ARGUMENT for an unknown format or dtype,
   * INVALID_WEIGHTS for weights outside the dtype's range, UNSUPPORTED_BASE for a base without GGUF adapters;
   * `signal.reason` after an abort
   */
  async save(folder: string, options: SaveAdapterOptions = {}): Promise<void> {
    const { dtype = 'bf16', format = 'peft', force, signal, onProgress } = checkOptions(options, 'options of save');
    checkSaving(format, dtype, this.#base);
    await writeFolderAtomically(folder, { force, signal, marker: ADAPTER_MARKERS }, (staging) =>
      writeFormats(format, staging, this.#adapter, this.#base, dtype, { signal, onProgress }),
    );
  }
}
