import type { LongOperation } from '../async/index.js';
import { DndError } from '../errors.js';
import { checkOptions, quoteValue } from '../validation/index.js';
import { excludedModulesOf } from './base-family.js';
import { AdapterLayout } from './layout.js';
import type { LayoutTensor } from './layout-tensors.js';
import { type Part, parseTensorName, tensorName } from './names.js';

/** How an adapter is applied: PEFT's `adapter_config.json`, as far as it concerns the numbers. */
export interface LoraConfig {
  /** Rank r of the matrices, unless `rankPattern` has another for a module. */
  rank: number;
  /** Numerator of the scale, alpha / rank, unless `alphaPattern` has another for a module. */
  alpha: number;
  /** Scale by alpha / √rank instead of alpha / rank. */
  useRslora: boolean;
  /** Names of the adapted modules: `q_proj`, `v_proj`, … */
  targetModules: string[];
  /** Hugging Face id or path of the base model; null if it is not known. */
  baseModelName: string | null;
  /** The base stores these weights as [input, output], as GPT-2 does. */
  fanInFanOut?: boolean;
  /** Ranks of modules that differ from `rank`, by PEFT's keys. */
  rankPattern?: Record<string, number>;
  /** Alphas of modules that differ from `alpha`, by PEFT's keys. */
  alphaPattern?: Record<string, number>;
  /** The layers that are adapted, when not all are. */
  layersToTransform?: number[] | null;
  /** Modules of the base that are not adapted although their names match: PEFT's `exclude_modules`. */
  excludeModules?: string | string[] | null;
}

/** The settings of an adapter that its layout does not determine. */
export interface ReconstructedConfig {
  alpha: number;
  useRslora?: boolean;
  baseModelName?: string | null;
}

/** One matrix of an adapter. */
export interface AdapterTensor {
  /** [rank, input width] for A, [output width, rank] for B. */
  shape: readonly number[];
  /** The elements, row by row. */
  data: Float32Array;
}

/** The two matrices of one module: ΔW = scale · B · A. */
export interface LoraPair {
  /** The base model's own name of it, such as `model.layers.0.self_attn.q_proj`. */
  module: string;
  /** Rows of A and columns of B. */
  rank: number;
  /** Columns of A. */
  inputWidth: number;
  /** Rows of B. */
  outputWidth: number;
  /** A, [rank, inputWidth], row by row. */
  a: Float32Array;
  /** B, [outputWidth, rank], row by row. */
  b: Float32Array;
}

function mismatch(what: string): DndError {
  return new DndError('SHAPE_MISMATCH', what);
}

/** Error messages show whole names, so their length is limited. */
const LONGEST_NAME = 1024;

/** For callers without types. */
function checkParts(layout: AdapterLayout, values: Float32Array, config: ReconstructedConfig): void {
  checkOptions(config, 'configuration of LoraAdapter');
  if (layout instanceof AdapterLayout && values instanceof Float32Array) return;
  throw new DndError('INVALID_ARGUMENT', 'an adapter is made of an AdapterLayout and a Float32Array');
}

/** A LoRA adapter in memory, in float32. */
export class LoraAdapter {
  /** The matrices by PEFT name: `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight` … */
  readonly tensors: ReadonlyMap<string, AdapterTensor>;

  /**
   * Makes an adapter of its matrices.
   * @param config how the adapter is applied
   * @param tensors the matrices, by PEFT name
   * @throws DndError SHAPE_MISMATCH for tensors that are not whole pairs of matrices A and B that fit together;
   * INVALID_ARGUMENT for tensors that are not in a Map
   */
  constructor(
    /** How the adapter is applied. */
    readonly config: LoraConfig,
    tensors: ReadonlyMap<string, AdapterTensor>,
  ) {
    checkOptions(config, 'configuration of LoraAdapter');
    if (!(tensors instanceof Map))
      throw new DndError('INVALID_ARGUMENT', `tensors must be a Map, not ${quoteValue(tensors)}`);
    this.tensors = tensors;
    for (const module of this.moduleNames()) this.pair(module);
  }

  /**
   * The adapter that `tokens`, [tokenCount, tokenHeight, tokenWidth], encode. The base's name is the layout's.
   * @internal
   */
  static async fromTokens(
    layout: AdapterLayout,
    tokens: Float32Array,
    config: ReconstructedConfig,
    operation: LongOperation = {},
  ): Promise<LoraAdapter> {
    checkParts(layout, tokens, config);
    checkOptions(operation, 'options of fromTokens');
    const reconstructed = await layout.reconstruct(tokens, operation);
    return LoraAdapter.#ofLayout(layout, config, ({ name }) => reconstructed.get(name)!);
  }

  /**
   * The adapter whose tensors are contiguous views of `values`, [layout.elementCount], without a copy. The base's name
   * is the layout's.
   * @internal
   */
  static fromValues(layout: AdapterLayout, values: Float32Array, config: ReconstructedConfig): LoraAdapter {
    checkParts(layout, values, config);
    if (values.length !== layout.elementCount)
      throw mismatch(`an adapter of this layout has ${layout.elementCount} elements, not ${values.length}`);
    return LoraAdapter.#ofLayout(layout, config, ({ offset, shape }) =>
      values.subarray(offset, offset + shape[0] * shape[1]),
    );
  }

  static #ofLayout(
    layout: AdapterLayout,
    config: ReconstructedConfig,
    dataOf: (tensor: LayoutTensor) => Float32Array,
  ): LoraAdapter {
    const tensors = new Map(
      layout.tensors.map((tensor) => [tensor.name, { shape: [...tensor.shape], data: dataOf(tensor) }]),
    );
    return new LoraAdapter(
      {
        rank: layout.rank,
        alpha: config.alpha,
        useRslora: config.useRslora ?? false,
        targetModules: [...layout.modules],
        baseModelName: config.baseModelName === undefined ? (layout.base?.name ?? null) : config.baseModelName,
        excludeModules: excludedModulesOf(layout.base?.modelType ?? null, layout.layersPath),
      },
      tensors,
    );
  }

  /**
   * The adapter layout that fits these tensors.
   * @throws DndError UNSUPPORTED_BASE for another family's tensors, SHAPE_MISMATCH for ranks or modules that differ
   * @internal
   */
  layout(options: { chunk?: number } = {}): AdapterLayout {
    checkOptions(options, 'options of layout');
    const shapes = Array.from(this.tensors, ([name, { shape }]) => ({ name, shape }));
    return AdapterLayout.fromTensors(shapes, options);
  }

  /**
   * The base model's names of the adapted modules, in the order of the tensors.
   * @throws DndError SHAPE_MISMATCH for a tensor whose name is not that of a LoRA matrix
   */
  moduleNames(): string[] {
    const names = new Set<string>();
    for (const name of this.tensors.keys()) {
      const parsed = typeof name === 'string' && name.length <= LONGEST_NAME ? parseTensorName(name) : undefined;
      if (!parsed) throw mismatch(`${quoteValue(name)} is not the name of a LoRA matrix`);
      names.add(parsed.module);
    }
    return [...names];
  }

  /**
   * The two matrices of one module.
   * @param module the base model's name of it, as in `moduleNames`
   * @throws DndError SHAPE_MISMATCH when the adapter has no such module, or its matrices do not fit together
   */
  pair(module: string): LoraPair {
    if (typeof module !== 'string' || module.length > LONGEST_NAME)
      throw mismatch(`the adapter has no module ${quoteValue(module)}`);
    const a = this.#matrix(module, 'A');
    const b = this.#matrix(module, 'B');
    if (a.rows !== b.columns) {
      throw mismatch(`${module}: lora_A has rank ${a.rows} (its rows) and lora_B has rank ${b.columns} (its columns)`);
    }
    return { module, rank: a.rows, inputWidth: a.columns, outputWidth: b.rows, a: a.data, b: b.data };
  }

  #matrix(module: string, part: Part): { rows: number; columns: number; data: Float32Array } {
    const name = tensorName(module, part);
    const tensor = this.tensors.get(name);
    if (!(Array.isArray(tensor?.shape) && tensor.data instanceof Float32Array))
      throw mismatch(`the adapter has no tensor ${name}`);
    const [rows, columns] = tensor.shape;
    if (tensor.shape.length !== 2 || !rows || !columns || tensor.data.length !== rows * columns) {
      throw mismatch(`${name} is not a matrix: shape [${tensor.shape.join(', ')}], ${tensor.data.length} elements`);
    }
    return { rows, columns, data: tensor.data };
  }
}
