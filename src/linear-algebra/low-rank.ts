import { eventLoopYielder } from '../async/index.js';
import { type Cancellable, columnOf, type Matrix, timesTransposed, zeros } from './matrix.js';
import { QrFactors } from './qr.js';
import { singularValues } from './svd.js';

/** The matrix scale · left · right, [rows, columns], as its factors. */
export interface LowRank {
  rows: number;
  columns: number;
  rank: number;
  scale: number;
  /** [rows, rank], row-major. */
  left: Float32Array;
  /** [rank, columns], row-major. */
  right: Float32Array;
}

/**
 * Orthonormal bases that several products share: each is Q₁ · core · Q₂ᵀ with a core of at most the sum of their ranks,
 * so that norms, distances, scalar products and singular values of products and of their sums are those of the cores.
 */
export class SharedBases {
  /** In the order of the products. All have the same shape. */
  readonly cores: readonly Matrix[];
  readonly #parts: readonly (readonly [left: Matrix, right: Matrix])[];
  readonly #left: QrFactors;
  readonly #right: QrFactors;

  private constructor(
    parts: readonly (readonly [left: Matrix, right: Matrix])[],
    cores: readonly Matrix[],
    left: QrFactors,
    right: QrFactors,
  ) {
    this.#parts = parts;
    this.cores = cores;
    this.#left = left;
    this.#right = right;
  }

  /** @param products of the same shape, with finite factors; at least one */
  static async of(products: readonly LowRank[], options: Cancellable = {}): Promise<SharedBases> {
    const left = await QrFactors.of(await leftFactors(products, options), options);
    const right = await QrFactors.of(rightFactors(products), options);
    let first = 0;
    const parts = products.map(({ rank }) => {
      first += rank;
      return [columnsOf(left.r, first - rank, rank), columnsOf(right.r, first - rank, rank)] as const;
    });
    const cores: Matrix[] = [];
    for (const part of parts) cores.push(await timesTransposed(...part, options));
    return new SharedBases(parts, cores, left, right);
  }

  /** Of one product, descending; as many as its rank or, if that is smaller, its shorter side. */
  async singularValues(index: number, options: Cancellable = {}): Promise<Float64Array> {
    // Smaller than its core, whose size is the sum of all ranks.
    const [left, right] = await Promise.all(
      this.#parts[index]!.map((part) => QrFactors.of({ ...part, values: part.values.slice() }, options)),
    );
    return singularValues(await timesTransposed(left!.r, right!.r, options), options);
  }

  /** Q₁·X, [rows, n], for X of the cores' rows. */
  timesLeft(x: Matrix, options: Cancellable = {}): Promise<Matrix> {
    return this.#left.timesQ(x, options);
  }

  /** Q₂·X, [columns, n], for X of the cores' columns. */
  timesRight(x: Matrix, options: Cancellable = {}): Promise<Matrix> {
    return this.#right.timesQ(x, options);
  }
}

function totalRank(products: readonly LowRank[]): number {
  return products.reduce((sum, { rank }) => sum + rank, 0);
}

/** Of all products beside each other: [rows, the sum of their ranks]. */
async function leftFactors(products: readonly LowRank[], options: Cancellable): Promise<Matrix> {
  const result = zeros(products[0]!.rows, totalRank(products));
  const yieldToEventLoop = eventLoopYielder();
  let to = 0;
  for (const { rank, scale, left } of products)
    for (let j = 0; j < rank; j++) {
      await yieldToEventLoop();
      options.signal?.throwIfAborted();
      const column = columnOf(result, to++);
      for (let i = 0; i < column.length; i++) column[i] = scale * left[i * rank + j]!;
    }
  return result;
}

/** Of all products, transposed: a row of `right` is a column. [columns, the sum of their ranks] */
function rightFactors(products: readonly LowRank[]): Matrix {
  const result = zeros(products[0]!.columns, totalRank(products));
  let offset = 0;
  for (const { right } of products) {
    result.values.set(right, offset);
    offset += right.length;
  }
  return result;
}

function columnsOf({ rows, values }: Matrix, first: number, count: number): Matrix {
  return { rows, columns: count, values: values.subarray(first * rows, (first + count) * rows) };
}
