import { type AdapterTensor, type LoraAdapter, type LoraConfig, writePeft } from '../adapter/index.js';
import { adapterDtype, type SaveAdapterOptions } from '../generator/generated-adapter.js';
import { checkOptions } from '../validation/index.js';

export interface ComposedModule {
  /** The base model's name of it. */
  module: string;
  /** ‖Σ wᵢ·ΔWᵢ‖, the Frobenius norm, before recompression. */
  norm: number;
  /** ‖sum − result‖ / ‖sum‖; 0 where the sum is 0. */
  discardedShare: number;
}

export interface CompositionReport {
  /** Names and weights, in the order given. */
  adapters: { name: string; weight: number }[];
  rank: number;
  norm: number;
  /** Of all modules together: ‖sum − result‖ / ‖sum‖. */
  discardedShare: number;
  modules: ComposedModule[];
  notes: string[];
  /** What a weighted sum is not. */
  warning: string;
}

/** The weighted sum of adapters, in float32, with what recompression discarded. */
export class ComposedAdapter {
  readonly #adapter: LoraAdapter;

  constructor(
    adapter: LoraAdapter,
    readonly report: CompositionReport,
  ) {
    this.#adapter = adapter;
  }

  /** Rank, alpha (the same number, for a scale of 1), target modules, base model. */
  get config(): Readonly<LoraConfig> {
    return this.#adapter.config;
  }

  /** By PEFT name: A is [rank, input width], B is [output width, rank]. */
  get tensors(): ReadonlyMap<string, AdapterTensor> {
    return this.#adapter.tensors;
  }

  /**
   * Writes a PEFT folder; it appears whole or not at all. Default dtype: f32.
   * @throws DndError as `GeneratedAdapter.save`
   */
  async save(folder: string, options: SaveAdapterOptions = {}): Promise<void> {
    const { dtype = 'f32', ...rest } = checkOptions(options, 'options of save');
    await writePeft(folder, this.#adapter, { ...rest, dtype: adapterDtype(dtype) });
  }
}
