import { eventLoopYielder } from '../async/index.js';

export interface Cancellable {
  signal?: AbortSignal | undefined;
}

/** A dense matrix in float64, column by column: element (i, j) is `values[j · rows + i]`. */
export interface Matrix {
  rows: number;
  columns: number;
  values: Float64Array;
}

export function zeros(rows: number, columns: number): Matrix {
  return { rows, columns, values: new Float64Array(rows * columns) };
}

/** A view of one column. */
export function columnOf({ rows, values }: Matrix, column: number): Float64Array {
  return values.subarray(column * rows, (column + 1) * rows);
}

export function transpose({ rows, columns, values }: Matrix): Matrix {
  const result = zeros(columns, rows);
  for (let j = 0; j < columns; j++)
    for (let i = 0; i < rows; i++) result.values[i * columns + j] = values[j * rows + i]!;
  return result;
}

/**
 * `left`·`right`ᵀ, for matrices with equally many columns; yields to the event loop. Zeros, as below the diagonal of a
 * triangular `right`, take no time.
 */
export async function timesTransposed(left: Matrix, right: Matrix, options: Cancellable = {}): Promise<Matrix> {
  const result = zeros(left.rows, right.rows);
  const yieldToEventLoop = eventLoopYielder();
  for (let k = 0; k < left.columns; k++) {
    await yieldToEventLoop();
    options.signal?.throwIfAborted();
    const from = columnOf(left, k);
    for (let j = 0; j < right.rows; j++) addScaled(right.values[k * right.rows + j]!, from, columnOf(result, j));
  }
  return result;
}

/** target += factor · from. */
export function addScaled(factor: number, from: Float64Array, target: Float64Array): void {
  if (factor === 0) return;
  for (let i = 0; i < target.length; i++) target[i]! += factor * from[i]!;
}

/** The scalar product; four sums, since one would wait for each addition to end before the next. */
export function dot(left: Float64Array, right: Float64Array): number {
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
  const length = left.length;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    sum0 += left[i]! * right[i]!;
    sum1 += left[i + 1]! * right[i + 1]!;
    sum2 += left[i + 2]! * right[i + 2]!;
    sum3 += left[i + 3]! * right[i + 3]!;
  }
  for (; i < length; i++) sum0 += left[i]! * right[i]!;
  return sum0 + sum1 + (sum2 + sum3);
}

/** The Euclidean norm, without overflow or underflow of the squares. */
export function norm(values: Float64Array): number {
  const direct = Math.sqrt(dot(values, values));
  if (direct > 1e-140 && direct < 1e140) return direct;
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (largest === 0 || !Number.isFinite(largest)) return largest;
  const scaled = values.map((value) => value / largest);
  return largest * Math.sqrt(dot(scaled, scaled));
}
