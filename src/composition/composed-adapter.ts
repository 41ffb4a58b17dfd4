import {
  type AdapterTensor,
  type FloatDtypeName,
  floatDtype,
  type LoraAdapter,
  type LoraConfig,
  writePeft,
} from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import { checkOptions } from '../validation/index.js';

/** One module of a composed adapter. */
export interface ComposedModule {
  /** The base model's name of it. */
  module: string;
  /** ‖Σ wᵢ·ΔWᵢ‖, the Frobenius norm, before recompression. */
  norm: number;
  /** ‖sum − result‖ / ‖sum‖; 0 where the sum is 0. */
  discardedShare: number;
}

/** What `composeAdapters` did. Plain data. */
export interface CompositionReport {
  /** Names and weights, in the order given. */
  adapters: {
    /** The name that it was given. */
    name: string;
    /** Factor of its ΔW. */
    weight: number;
  }[];
  /** Rank of the result. */
  rank: number;
  /** ‖Σ wᵢ·ΔWᵢ‖ over all modules, the Frobenius norm, before recompression. */
  norm: number;
  /** Share that recompression discarded, of all modules together: ‖sum − result‖ / ‖sum‖. */
  discardedShare: number;
  /** The modules, layers ascending. */
  modules: ComposedModule[];
  /** Sentences about what a user should know, such as a rank that was lowered or modules that an adapter lacks. */
  notes: string[];
  /** What a weighted sum is not. */
  warning: string;
}

/** Options of `ComposedAdapter.save`. */
export interface SaveComposedOptions extends LongOperation {
  /** Dtype of the saved matrices. Default: f32, which adds no rounding to the sum. */
  dtype?: FloatDtypeName | undefined;
  /** Replace an existing adapter. */
  force?: boolean | undefined;
}

/** The weighted sum of adapters, in float32, with what recompression discarded. */
export class ComposedAdapter {
  readonly #adapter: LoraAdapter;

  /** @internal Made by `composeAdapters`. */
  constructor(
    adapter: LoraAdapter,
    /** Weights, norms and what recompression discarded. */
    readonly report: CompositionReport,
  ) {
    this.#adapter = adapter;
  }

  /** Rank, alpha (the same number, for a scale of 1), target modules, base model. */
  get config(): Readonly<LoraConfig> {
    return this.#adapter.config;
  }

  /** The matrices by PEFT name: A is [rank, input width], B is [output width, rank]. */
  get tensors(): ReadonlyMap<string, AdapterTensor> {
    return this.#adapter.tensors;
  }

  /**
   * Writes a PEFT folder; it appears whole or not at all. Default dtype: f32.
   * @throws DndError OUTPUT_EXISTS, NOT_WRITABLE, DISK_FULL, INVALID_ARGUMENT for an unknown dtype, INVALID_WEIGHTS for
   * weights outside the dtype's range; `signal.reason` after an abort
   */
  async save(folder: string, options: SaveComposedOptions = {}): Promise<void> {
    const { dtype = 'f32', ...rest } = checkOptions(options, 'options of save');
    await writePeft(folder, this.#adapter, { ...rest, dtype: floatDtype(dtype, 'PEFT folders') });
  }
}
