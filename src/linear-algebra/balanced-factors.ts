import { type LowRank, SharedBases } from './low-rank.js';
import { addScaled, type Cancellable, columnOf, dot, type Matrix, norm, timesTransposed, zeros } from './matrix.js';
import { svd } from './svd.js';

/** The factors of a product: left · right. */
export type Factors = Pick<LowRank, 'left' | 'right'>;

/** Smaller shares of the largest singular value are beyond float32, and count as 0. */
const SMALLEST_SHARE = 2 ** -24;

/** Singular values, and sizes of elements, that differ by less than this share count as equal. */
const EQUAL = 2 ** -20;

/**
 * The canonical factors of a product: L · R, which depend on the product alone. With its singular value decomposition
 * U·Σ·Vᵀ they are U·√Σ and √Σ·Vᵀ, singular values descending. The largest element of each column of L, the first of equal
 * ones, is positive. Among equal singular values, the first vector is the one that has the largest possible element, the
 * others are orthogonal to it and chosen alike. Columns and rows beyond the rank of the product are zero.
 * @param product of finite factors; its scale goes into the factors
 * @returns rounded to float32; their product is that of the factors given, to the rounding
 */
export async function canonicalFactors(product: LowRank, options: Cancellable = {}): Promise<Factors> {
  const bases = await SharedBases.of([product], options);
  const { values, left, right } = await svd(bases.cores[0]!, options);
  const smallest = (SMALLEST_SHARE * values[0]!) / Math.sqrt(product.rank);
  const used = values.filter((value) => value > smallest).length;
  const one = await bases.timesLeft(scaled(left, values, used), options);
  const other = await bases.timesRight(scaled(right, values, used), options);
  for (let first = 0; first < used; ) {
    let end = first + 1;
    while (end < used && values[first]! - values[end]! <= EQUAL * values[first]!) end++;
    for (; first < end; first++) settle(one, other, first, end);
  }
  return rowMajor(one, other, product);
}

/**
 * The balanced factors of a product that are closest to those of another: of all L·Q and Qᵀ·R with an orthogonal Q, for
 * its canonical factors L and R, the ones with the least sum of squared differences. Unlike canonical factors they change
 * little where the product does. Source: the orthogonal Procrustes problem, Golub & Van Loan, Matrix Computations, 6.4.1.
 * @param reference factors of the same shapes
 */
export async function alignedFactors(
  product: LowRank,
  reference: Factors,
  options: Cancellable = {},
): Promise<Factors> {
  const { rows, columns, rank } = product;
  const canonical = await canonicalFactors(product, options);
  const left = columnMajor(canonical.left, rows, rank);
  const right = transposed(canonical.right, rank, columns);
  const [left0, right0] = [columnMajor(reference.left, rows, rank), transposed(reference.right, rank, columns)];
  const core = zeros(rank, rank);
  for (let j = 0; j < rank; j++)
    for (let i = 0; i < rank; i++)
      core.values[j * rank + i] =
        dot(columnOf(left, i), columnOf(left0, j)) + dot(columnOf(right, i), columnOf(right0, j));
  const { values, left: u, right: v } = await svd(core, options);
  const rest = values.indexOf(0);
  if (rest !== -1) complete(v, rest);
  // The transpose of Q.
  const turn = await timesTransposed(v, u, options);
  const turned = [await timesTransposed(left, turn, options), await timesTransposed(right, turn, options)] as const;
  return rowMajor(...turned, product);
}

/** The first `count` columns, each times the root of its singular value. */
function scaled(vectors: Matrix, values: Float64Array, count: number): Matrix {
  const result = zeros(vectors.rows, count);
  for (let j = 0; j < count; j++) addScaled(Math.sqrt(values[j]!), columnOf(vectors, j), columnOf(result, j));
  return result;
}

/**
 * Turns columns `first` to `end` of both matrices alike, which leaves left · rightᵀ as it is, so that of the left one's
 * row with the largest norm there all is in column `first`, as a positive number.
 */
function settle(left: Matrix, right: Matrix, first: number, end: number): void {
  const row = largestRow(left, first, end);
  const axis = Array.from({ length: end - first }, (_, k) => left.values[(first + k) * left.rows + row]!);
  const length = Math.hypot(...axis);
  // A reflection that takes the first unit vector to the axis.
  const vector = axis.map((value, k) => (k === 0 ? 1 : 0) - value / length);
  const square = vector.reduce((sum, value) => sum + value * value, 0);
  if (square === 0) return;
  for (const matrix of [left, right]) {
    const product = new Float64Array(matrix.rows);
    for (const [k, value] of vector.entries()) addScaled(value, columnOf(matrix, first + k), product);
    for (const [k, value] of vector.entries()) addScaled((-2 * value) / square, product, columnOf(matrix, first + k));
  }
}

/** The first one, of those that are the largest but for rounding. */
function largestRow(matrix: Matrix, first: number, end: number): number {
  const squares = new Float64Array(matrix.rows);
  for (let j = first; j < end; j++) {
    const column = columnOf(matrix, j);
    for (let i = 0; i < column.length; i++) squares[i]! += column[i]! * column[i]!;
  }
  const largest = squares.reduce((most, square) => Math.max(most, square), 0);
  return squares.findIndex((square) => square >= (1 - EQUAL) * largest);
}

/** Replaces the columns from `first` on by vectors that make all of them orthonormal. */
function complete(matrix: Matrix, first: number): void {
  const { rows, columns } = matrix;
  for (let j = first; j < columns; j++) {
    let best = new Float64Array(rows);
    for (let i = 0; i < rows; i++) {
      const candidate = new Float64Array(rows);
      candidate[i] = 1;
      // Twice, since once leaves rounding errors of the size of what is taken away.
      for (let k = 0; k < 2 * j; k++) {
        const other = columnOf(matrix, k % j);
        addScaled(-dot(other, candidate), other, candidate);
      }
      if (norm(candidate) > norm(best)) best = candidate;
    }
    const length = norm(best);
    columnOf(matrix, j).set(best.map((value) => value / length));
  }
}

/** Of a row-major array. */
function columnMajor(values: Float32Array, rows: number, columns: number): Matrix {
  const result = zeros(rows, columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) result.values[j * rows + i] = values[i * columns + j]!;
  return result;
}

/** Of a row-major array [rows, columns]: [columns, rows]. */
function transposed(values: Float32Array, rows: number, columns: number): Matrix {
  return { rows: columns, columns: rows, values: Float64Array.from(values) };
}

/** The factors in the form of a product, with zeros where there are fewer columns than its rank. */
function rowMajor(left: Matrix, right: Matrix, { rows, columns, rank }: LowRank): Factors {
  const factors = { left: new Float32Array(rows * rank), right: new Float32Array(rank * columns) };
  for (let j = 0; j < left.columns; j++) {
    const column = columnOf(left, j);
    for (let i = 0; i < rows; i++) factors.left[i * rank + j] = column[i]!;
  }
  factors.right.set(right.values);
  return factors;
}
