import { type AdapterLayout, type MatrixPair, matrixPairs } from '../adapter/index.js';
import { residualTokenGradient } from '../adapter/residual-gradient.js';
import { eventLoopYielder } from '../async/index.js';
import { reconstructAdapters, type TaskSums } from '../engine/index.js';
import { differenceGradient, innerProduct, type Product } from '../linear-algebra/index.js';
import type { FitSums } from './fit-sums.js';

export interface DeltaGradient {
  /** Of each adapter, over its modules: squares of differences and of deviations from the mean adapter's ΔW. */
  sums: TaskSums[];
  /** [batch, tokenCount, tokenHeight, tokenWidth], with respect to the weight tokens. */
  outputGradient: Float32Array<ArrayBuffer>;
}

/** Of one module: squares and scalar product, in the unit in which the mean adapter has a loss of 1. */
interface ModuleFit {
  /** ‖generated − true‖² */
  difference: number;
  /** Of the deviations from the mean adapter's ΔW: ‖generated‖², ‖true‖², ⟨generated, true⟩. */
  generated: number;
  true: number;
  product: number;
}

/**
 * The loss on what adapters add to the base, ΔW = B·A, instead of on their weights: the mean over the modules of
 * ‖ΔW − ΔW*‖² / d, with d the mean of that over the training checkpoints for the mean adapter, which thus has a loss of 1.
 * The adapter's scale is a factor of both, and ΔW is never formed.
 */
export class DeltaLoss {
  readonly #layout: AdapterLayout;
  readonly #pairs: readonly MatrixPair[];
  readonly #deviations: Float64Array;
  readonly #threads: number | undefined;
  /** Modules in which the training checkpoints differ: only these are in the loss. */
  readonly #valid: number;

  /**
   * @param layout with `residual`
   * @param deviations [modules] in the order of `matrixPairs`; see `deltaDeviations`
   */
  constructor(layout: AdapterLayout, deviations: Float64Array, threads: number | undefined) {
    this.#layout = layout;
    this.#pairs = matrixPairs(layout.tensors);
    this.#deviations = deviations;
    this.#threads = threads;
    this.#valid = deviations.filter((deviation) => deviation > 0).length;
  }

  /**
   * The adapters [elementCount] that weight tokens encode.
   * @param tokens [batch, tokenCount, tokenHeight, tokenWidth]
   * @throws DndError OUT_OF_MEMORY; `signal.reason`
   */
  adapters(tokens: Float32Array, batch: number, signal: AbortSignal | undefined): Promise<Float32Array<ArrayBuffer>[]> {
    return reconstructAdapters(tokens, batch, this.#layout.flat(), { threads: this.#threads, signal });
  }

  /**
   * @param tokens weight tokens of generated adapters, [batch, tokenCount, tokenHeight, tokenWidth]
   * @param targets the adapters to compare with, [batch, elementCount]
   * @param weight of each adapter's loss
   * @throws DndError OUT_OF_MEMORY; `signal.reason`
   */
  async gradient(
    tokens: Float32Array,
    targets: Float32Array,
    batch: number,
    weight: number,
    signal: AbortSignal | undefined,
  ): Promise<DeltaGradient> {
    const { size, elementCount, residual } = this.#layout;
    const adapters = await this.adapters(tokens, batch, signal);
    const outputGradient = new Float32Array(batch * size);
    const gradient = new Float32Array(elementCount);
    const sums: TaskSums[] = [];
    const yieldToEventLoop = eventLoopYielder();
    for (const [index, adapter] of adapters.entries()) {
      const target = targets.subarray(index * elementCount, (index + 1) * elementCount);
      const own = { weightedSquares: 0, valid: this.#valid, outputSquares: 0, targetSquares: 0, product: 0 };
      gradient.fill(0);
      for (const [module, pair] of this.#pairs.entries()) {
        await yieldToEventLoop();
        signal?.throwIfAborted();
        const deviation = this.#deviations[module]!;
        if (deviation === 0) continue;
        const [generated, wanted] = [productOf(adapter, pair), productOf(target, pair)];
        const fit = this.#fit(generated, wanted, pair, deviation);
        own.weightedSquares += fit.difference;
        own.outputSquares += fit.generated;
        own.targetSquares += fit.true;
        own.product += fit.product;
        differenceGradient(generated, wanted, 1 / deviation, productOf(gradient, pair));
      }
      const into = outputGradient.subarray(index * size, (index + 1) * size);
      residualTokenGradient(this.#layout, residual!, gradient, weight / this.#valid, into);
      sums.push(own);
    }
    return { sums, outputGradient };
  }

  /** Adds the comparison of a generated adapter, [elementCount], with a true one to `sums`. */
  async compare(
    adapter: Float32Array,
    target: Float32Array,
    sums: FitSums,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const yieldToEventLoop = eventLoopYielder();
    for (const [module, pair] of this.#pairs.entries()) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      const deviation = this.#deviations[module]!;
      if (deviation === 0) continue;
      const fit = this.#fit(productOf(adapter, pair), productOf(target, pair), pair, deviation);
      sums.addTensor(pair.a, {
        valid: 1,
        weightedSquares: fit.difference,
        generatedSquares: fit.generated,
        trueSquares: fit.true,
        product: fit.product,
      });
    }
  }

  #fit(generated: Product, wanted: Product, pair: MatrixPair, deviation: number): ModuleFit {
    const mean = productOf(this.#layout.residual!.mean, pair);
    const [own, cross, target] = [
      innerProduct(generated, generated),
      innerProduct(generated, wanted),
      innerProduct(wanted, wanted),
    ];
    const [ownMean, targetMean, square] = [
      innerProduct(generated, mean),
      innerProduct(wanted, mean),
      innerProduct(mean, mean),
    ];
    return {
      difference: Math.max(0, own - 2 * cross + target) / deviation,
      generated: Math.max(0, own - 2 * ownMean + square) / deviation,
      true: Math.max(0, target - 2 * targetMean + square) / deviation,
      product: (cross - ownMean - targetMean + square) / deviation,
    };
  }
}

/** Views of the two matrices of a module in an adapter, [elementCount]. */
export function productOf(
  adapter: Float32Array,
  { a, b }: MatrixPair,
): Product & { left: Float32Array; right: Float32Array } {
  const [[rows, rank], [, columns]] = [b.shape, a.shape];
  return {
    ...{ rows, columns, rank },
    left: adapter.subarray(b.offset, b.offset + rows * rank),
    right: adapter.subarray(a.offset, a.offset + rank * columns),
  };
}
