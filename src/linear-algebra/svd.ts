import { eventLoopYielder } from '../async/index.js';
import { addScaled, type Cancellable, columnOf, dot, type Matrix, norm, transpose, zeros } from './matrix.js';
import { QrFactors } from './qr.js';

/** A = left · diag(values) · rightᵀ; k = min(rows, columns). */
export interface Svd {
  /** Descending, k of them. */
  values: Float64Array;
  /** [rows, k] and [columns, k]. On one side, vectors of singular values of 0 are 0; all others are orthonormal. */
  left: Matrix;
  right: Matrix;
}

/** Ten are more than enough for any matrix seen; each adds about three digits once the columns are nearly orthogonal. */
const MOST_SWEEPS = 40;

/**
 * The singular values of `matrix`, descending. Errors, the method and its accuracy: as `svd`.
 */
export async function singularValues(matrix: Matrix, options: Cancellable = {}): Promise<Float64Array> {
  const tall = matrix.rows >= matrix.columns ? copyOf(matrix) : transpose(matrix);
  const columns = transpose((await QrFactors.of(tall, options)).r);
  await orthogonalise(columns, null, options);
  return inOrder(columns).values;
}

/**
 * The thin singular value decomposition by one-sided Jacobi rotations of a triangular factor: accurate to
 * rounding, relative to the largest singular value. Source: Drmač & Veselić, New fast and accurate Jacobi SVD
 * algorithm I, SIAM J. Matrix Anal. Appl. 29(4), 2008.
 * @param matrix of finite values
 */
export async function svd(matrix: Matrix, options: Cancellable = {}): Promise<Svd> {
  if (matrix.rows < matrix.columns) {
    const { values, left, right } = await svd(transpose(matrix), options);
    return { values, left: right, right: left };
  }
  // A = Q·R, and the rows of R, rotated to be orthogonal, give Rᵀ·W = V·Σ: A = (Q·W)·Σ·Vᵀ.
  const factors = await QrFactors.of(copyOf(matrix), options);
  const columns = transpose(factors.r);
  const rotations = identity(columns.columns);
  await orthogonalise(columns, rotations, options);
  const { values, order } = inOrder(columns);
  const right = zeros(columns.rows, columns.columns);
  const turned = zeros(rotations.rows, rotations.columns);
  for (const [to, from] of order.entries()) {
    if (values[to]! > 0) addScaled(1 / values[to]!, columnOf(columns, from), columnOf(right, to));
    columnOf(turned, to).set(columnOf(rotations, from));
  }
  return { values, left: await factors.timesQ(turned, options), right };
}

function copyOf({ rows, columns, values }: Matrix): Matrix {
  return { rows, columns, values: values.slice() };
}

function identity(size: number): Matrix {
  const result = zeros(size, size);
  for (let i = 0; i < size; i++) result.values[i * size + i] = 1;
  return result;
}

/** Norms below rounding errors of the largest are those of a singular value of 0. */
function inOrder(columns: Matrix): { values: Float64Array; order: number[] } {
  const norms = Array.from({ length: columns.columns }, (_, j) => norm(columnOf(columns, j)));
  const order = norms.map((_, j) => j).sort((a, b) => norms[b]! - norms[a]!);
  const smallest = negligible(columns);
  const values = Float64Array.from(order, (j) => (norms[j]! <= smallest ? 0 : norms[j]!));
  return { values, order };
}

function negligible({ rows, values }: Matrix): number {
  return rows * Number.EPSILON * norm(values);
}

/**
 * Rotates pairs of columns until all are orthogonal to each other, or negligible.
 * @param rotations the same rotations are applied to its columns
 */
async function orthogonalise(matrix: Matrix, rotations: Matrix | null, { signal }: Cancellable): Promise<void> {
  const { rows, columns } = matrix;
  const scale = norm(matrix.values);
  if (scale === 0) return;
  // Squares of very small or large numbers would leave the range of float64.
  for (let i = 0; i < matrix.values.length; i++) matrix.values[i]! /= scale;
  const yieldToEventLoop = eventLoopYielder();
  const tolerance = rows * Number.EPSILON;
  const smallest = negligible(matrix) ** 2;
  const squares = new Float64Array(columns);
  for (let sweep = 0, rotated = true; rotated && sweep < MOST_SWEEPS; sweep++) {
    rotated = false;
    for (let j = 0; j < columns; j++) squares[j] = dot(columnOf(matrix, j), columnOf(matrix, j));
    for (let p = 0; p < columns - 1; p++) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      bringLargest(p, matrix, squares, rotations);
      const first = columnOf(matrix, p);
      for (let q = p + 1; q < columns; q++) {
        const [a, b] = [squares[p]!, squares[q]!];
        if (a <= smallest || b <= smallest) continue;
        const second = columnOf(matrix, q);
        const product = dot(first, second);
        if (Math.abs(product) <= tolerance * Math.sqrt(a * b)) continue;
        rotated = true;
        const zeta = (b - a) / (2 * product);
        const tangent = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cosine = 1 / Math.hypot(1, tangent);
        rotate(first, second, cosine, cosine * tangent);
        if (rotations) rotate(columnOf(rotations, p), columnOf(rotations, q), cosine, cosine * tangent);
        squares[p] = a - tangent * product;
        squares[q] = Math.max(0, b + tangent * product);
      }
    }
  }
  for (let i = 0; i < matrix.values.length; i++) matrix.values[i]! *= scale;
}

/** The largest remaining column goes first: fewer sweeps, and the singular values end nearly in order. */
function bringLargest(p: number, matrix: Matrix, squares: Float64Array, rotations: Matrix | null): void {
  let largest = p;
  for (let j = p + 1; j < squares.length; j++) if (squares[j]! > squares[largest]!) largest = j;
  if (largest === p) return;
  for (const each of rotations ? [matrix, rotations] : [matrix]) {
    const kept = columnOf(each, p).slice();
    columnOf(each, p).set(columnOf(each, largest));
    columnOf(each, largest).set(kept);
  }
  [squares[p], squares[largest]] = [squares[largest]!, squares[p]!];
}

export function rotate(first: Float64Array, second: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < first.length; i++) {
    const [x, y] = [first[i]!, second[i]!];
    first[i] = cosine * x - sine * y;
    second[i] = sine * x + cosine * y;
  }
}
