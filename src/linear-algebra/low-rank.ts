import { type Matrix, timesTransposed, zeros } from './matrix.js';
import { type Cancellable, QrFactors } from './qr.js';
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

  private constructor(products: readonly LowRank[], left: QrFactors, right: QrFactors) {
    let first = 0;
    this.#parts = products.map(({ rank }) => {
      first += rank;
      return [columnsOf(left.r, first - rank, rank), columnsOf(right.r, first - rank, rank)];
    });
    this.cores = this.#parts.map(([own, other]) => timesTransposed(own, other));
    this.#left = left;
    this.#right = right;
  }

  /** @param products of the same shape, with finite factors; at least one */
  static async of(products: readonly LowRank[], options: Cancellable = {}): Promise<SharedBases> {
    const left = await QrFactors.of(besideEachOther(products, leftOf), options);
    const right = await QrFactors.of(besideEachOther(products, rightOf), options);
    return new SharedBases(products, left, right);
  }

  /** Of one product, descending; as many as its rank or, if that is smaller, its shorter side. */
  async singularValues(index: number, options: Cancellable = {}): Promise<Float64Array> {
    // Smaller than its core, whose size is the sum of all ranks.
    const [left, right] = await Promise.all(
      this.#parts[index]!.map((part) => QrFactors.of({ ...part, values: part.values.slice() }, options)),
    );
    return singularValues(timesTransposed(left!.r, right!.r), options);
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

function leftOf({ rows, rank, scale, left }: LowRank): Matrix {
  const result = zeros(rows, rank);
  for (let j = 0; j < rank; j++)
    for (let i = 0; i < rows; i++) result.values[j * rows + i] = scale * left[i * rank + j]!;
  return result;
}

/** Its transpose, whose columns are the rows of `right`. */
function rightOf({ columns, rank, right }: LowRank): Matrix {
  return { rows: columns, columns: rank, values: new Float64Array(right) };
}

function besideEachOther(products: readonly LowRank[], of: (product: LowRank) => Matrix): Matrix {
  const parts = products.map(of);
  const rows = parts[0]!.rows;
  const result = zeros(
    rows,
    parts.reduce((sum, { columns }) => sum + columns, 0),
  );
  let offset = 0;
  for (const { values } of parts) {
    result.values.set(values, offset);
    offset += values.length;
  }
  return result;
}

function columnsOf({ rows, values }: Matrix, first: number, count: number): Matrix {
  return { rows, columns: count, values: values.subarray(first * rows, (first + count) * rows) };
}
