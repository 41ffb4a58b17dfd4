import { eventLoopYielder } from '../async/index.js';
import { addScaled, type Cancellable, columnOf, dot, type Matrix, norm, zeros } from './matrix.js';
import { makeReflection, reflect } from './qr.js';
import { rotate } from './svd.js';

/** A = vectors · diag(values) · vectorsᵀ of a symmetric A. */
export interface SymmetricEigen {
  /** Descending. */
  values: Float64Array;
  /** [n, n], orthonormal columns. */
  vectors: Matrix;
}

/** Two or three are usual. */
const MOST_ITERATIONS = 100;

/** A matrix with the same eigenvalues, zero but for its diagonal and the ones beside it, and the rotation to it. */
interface Tridiagonal {
  diagonal: Float64Array;
  /** beside[i] between i and i + 1; the last is 0. */
  beside: Float64Array;
  vectors: Matrix;
}

/**
 * Eigenvalues and eigenvectors of a symmetric matrix: Householder tridiagonalisation, then implicit QL steps with
 * Wilkinson's shift. Accurate to rounding, relative to the largest eigenvalue. Source: Golub & Van Loan, Matrix
 * Computations, 8.3; Bowdler, Martin, Reinsch & Wilkinson, The QR and QL algorithms for symmetric matrices, 1968.
 * @param matrix of finite values, symmetric
 */
export async function symmetricEigen(matrix: Matrix, options: Cancellable = {}): Promise<SymmetricEigen> {
  const { diagonal, vectors } = await diagonalise(await tridiagonalise(matrix, options), options);
  const order = Array.from(diagonal.keys()).sort((a, b) => diagonal[b]! - diagonal[a]!);
  const sorted = zeros(vectors.rows, vectors.columns);
  for (const [to, from] of order.entries()) columnOf(sorted, to).set(columnOf(vectors, from));
  return { values: Float64Array.from(order, (from) => diagonal[from]!), vectors: sorted };
}

/** −1 where the entry of the largest magnitude is negative, else 1: settles the sign of an eigenvector. */
export function signOfLargest(vector: Float64Array): number {
  const largest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return largest < 0 ? -1 : 1;
}

async function tridiagonalise({ rows: size, values }: Matrix, { signal }: Cancellable): Promise<Tridiagonal> {
  const rest: Matrix = { rows: size, columns: size, values: values.slice() };
  const beside = new Float64Array(size);
  const betas = new Float64Array(size);
  const yieldToEventLoop = eventLoopYielder();
  for (let k = 0; k < size - 1; k++) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    const vector = columnOf(rest, k).subarray(k + 1);
    const { beta, diagonal } = makeReflection(vector);
    beside[k] = diagonal;
    betas[k] = beta;
    if (beta === 0) continue;
    // H·A·H = A − v·wᵀ − w·vᵀ with p = β·A·v and w = p − (β/2)·(pᵀv)·v.
    const columns = Array.from(vector, (_, j) => columnOf(rest, k + 1 + j).subarray(k + 1));
    const w = Float64Array.from(columns, (column) => beta * dot(column, vector));
    addScaled((-beta / 2) * dot(w, vector), vector, w);
    for (const [j, column] of columns.entries()) {
      addScaled(-w[j]!, vector, column);
      addScaled(-vector[j]!, w, column);
    }
  }
  const vectors = zeros(size, size);
  for (let j = 0; j < size; j++) vectors.values[j * size + j] = 1;
  for (let k = size - 2; k >= 0; k--) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    const vector = columnOf(rest, k).subarray(k + 1);
    for (let j = k + 1; j < size; j++) reflect(vector, betas[k]!, columnOf(vectors, j).subarray(k + 1));
  }
  const diagonal = Float64Array.from({ length: size }, (_, k) => rest.values[k * size + k]!);
  return { diagonal, beside, vectors };
}

/** Rotates until what is beside the diagonal is rounding error of the largest eigenvalue. */
async function diagonalise(tridiagonal: Tridiagonal, { signal }: Cancellable): Promise<Tridiagonal> {
  const { diagonal, beside } = tridiagonal;
  const smallest = Number.EPSILON * Math.max(norm(diagonal), norm(beside));
  const yieldToEventLoop = eventLoopYielder();
  for (let first = 0; first < diagonal.length; first++) {
    for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      let last = first;
      while (last < diagonal.length - 1 && Math.abs(beside[last]!) > smallest) last++;
      if (last === first) break;
      stepOfQl(tridiagonal, first, last);
    }
  }
  return tridiagonal;
}

/** One implicit QL step on rows `first` to `last`, between which no element beside the diagonal is 0. */
function stepOfQl({ diagonal: d, beside: e, vectors }: Tridiagonal, first: number, last: number): void {
  const ratio = (d[first + 1]! - d[first]!) / (2 * e[first]!);
  let g = d[last]! - d[first]! + e[first]! / (ratio + Math.sign(ratio || 1) * Math.hypot(ratio, 1));
  let [sine, cosine, p] = [1, 1, 0];
  for (let i = last - 1; i >= first; i--) {
    const f = sine * e[i]!;
    const b = cosine * e[i]!;
    const length = Math.hypot(f, g);
    e[i + 1] = length;
    if (length === 0) {
      // The matrix falls into two parts here.
      d[i + 1]! -= p;
      e[last] = 0;
      return;
    }
    sine = f / length;
    cosine = g / length;
    const shifted = d[i + 1]! - p;
    const sum = (d[i]! - shifted) * sine + 2 * cosine * b;
    p = sine * sum;
    d[i + 1] = shifted + p;
    g = cosine * sum - b;
    rotate(columnOf(vectors, i), columnOf(vectors, i + 1), cosine, sine);
  }
  d[first]! -= p;
  e[first] = g;
  e[last] = 0;
}
