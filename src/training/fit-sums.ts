import type { AdapterLayout, LayoutTensor } from '../adapter/index.js';
import { eventLoopYielder } from '../async/index.js';
import type { Cell, Fit } from './metrics.js';

/** What a `Fit` is made from, over the elements that are not NaN in the target. In double precision. */
export interface PartSums {
  valid: number;
  weightedSquares: number;
  generatedSquares: number;
  trueSquares: number;
  product: number;
}

/** Compares generated weight tokens with true ones, for each tensor of the layout. */
export class FitSums {
  /** In the order of the layout's tensors. */
  readonly #sums: PartSums[];

  constructor(
    readonly layout: AdapterLayout,
    readonly importance: Float32Array | null,
  ) {
    this.#sums = layout.tensors.map(emptySums);
  }

  /** @param generated and `target`: [tokens, height, width] */
  async add(generated: Float32Array, target: Float32Array, signal: AbortSignal | undefined): Promise<void> {
    const yieldToEventLoop = eventLoopYielder();
    const size = this.layout.tokenHeight * this.layout.tokenWidth;
    for (const [index, { firstToken, tokenCount }] of this.layout.tensors.entries()) {
      for (let token = firstToken; token < firstToken + tokenCount; token++)
        addToken(this.#sums[index]!, generated, target, token * size, size, this.importance?.[token] ?? 1);
      await yieldToEventLoop();
      signal?.throwIfAborted();
    }
  }

  /** Adds what was compared of one tensor of the layout. */
  addTensor(tensor: LayoutTensor, sums: PartSums): void {
    addSums(this.#sums[this.layout.tensors.indexOf(tensor)]!, sums);
  }

  /** Adds what another has of the same layout. */
  addAll(other: FitSums): void {
    for (const [index, sums] of other.#sums.entries()) addSums(this.#sums[index]!, sums);
  }

  fit(): Fit {
    return fitOf(this.#over(() => true));
  }

  modules(): Record<string, Fit> {
    const { modules } = this.layout;
    return Object.fromEntries(modules.map((name) => [name, fitOf(this.#over(({ module }) => module === name))]));
  }

  cells(): Cell[] {
    const { layers } = this.layout;
    return layers.flatMap((layer) =>
      this.layout.modules.map((module) => {
        const { normRatio, cosine } = fitOf(this.#over((tensor) => tensor.layer === layer && tensor.module === module));
        return { layer, module, normRatio, cosine };
      }),
    );
  }

  #over(wanted: (tensor: LayoutTensor) => boolean): PartSums {
    const total = emptySums();
    for (const [index, tensor] of this.layout.tensors.entries()) if (wanted(tensor)) addSums(total, this.#sums[index]!);
    return total;
  }
}

function emptySums(): PartSums {
  return { valid: 0, weightedSquares: 0, generatedSquares: 0, trueSquares: 0, product: 0 };
}

function addSums(to: PartSums, from: PartSums): void {
  for (const key of Object.keys(to) as (keyof PartSums)[]) to[key] += from[key];
}

function addToken(
  sums: PartSums,
  generated: Float32Array,
  target: Float32Array,
  start: number,
  size: number,
  importance: number,
): void {
  let squares = 0;
  for (let element = start; element < start + size; element++) {
    const wanted = target[element]!;
    if (Number.isNaN(wanted)) continue;
    const value = generated[element]!;
    const difference = value - wanted;
    sums.valid++;
    squares += difference * difference;
    sums.generatedSquares += value * value;
    sums.trueSquares += wanted * wanted;
    sums.product += value * wanted;
  }
  sums.weightedSquares += importance * squares;
}

function fitOf({ valid, weightedSquares, generatedSquares, trueSquares, product }: PartSums): Fit {
  return {
    loss: ratio(weightedSquares, valid),
    normRatio: Math.sqrt(ratio(generatedSquares, trueSquares)),
    cosine: ratio(product, Math.sqrt(generatedSquares) * Math.sqrt(trueSquares)),
  };
}

/** 0 where there is nothing to compare with. */
function ratio(numerator: number, denominator: number): number {
  return denominator === 0 ? 0 : numerator / denominator;
}
