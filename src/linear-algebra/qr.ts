import { eventLoopYielder } from '../async/index.js';
import { type Cancellable, columnOf, dot, type Matrix, norm, zeros } from './matrix.js';
import { combineFour, combineFourByTwo, dotsOfFour, dotsOfFourByTwo } from './panel.js';

/** Reflections that are applied together. The functions of panel.ts are written for four. */
const PANEL = 4;

/** Up to four reflections as one: I − V·T·Vᵀ, its T upper triangular. */
interface Panel {
  /** Its rows, and V's, start here. */
  firstRow: number;
  /** Of V; the last ones may be zeros. */
  vectors: [Float64Array, Float64Array, Float64Array, Float64Array];
  /** [4, 4], row-major. */
  t: Float64Array;
}

/**
 * A Householder QR factorisation: A = Q·R with Q [m, k] of orthonormal columns, R [k, n] upper triangular and
 * k = min(m, n). Source: Golub & Van Loan, Matrix Computations, 5.1–5.2; four reflections at a time, in their compact
 * form (Schreiber & Van Loan, 1989), since a column of a wide layer does not fit into the processor's first cache.
 */
export class QrFactors {
  readonly #rows: number;
  readonly #panels: Panel[] = [];
  /** R, [k, n]. */
  readonly r: Matrix;

  private constructor(rows: number, columns: number) {
    this.#rows = rows;
    this.r = zeros(Math.min(rows, columns), columns);
  }

  /** @param matrix of finite values; its memory is used for the factors */
  static async of(matrix: Matrix, options: Cancellable = {}): Promise<QrFactors> {
    const { rows, columns } = matrix;
    const factors = new QrFactors(rows, columns);
    const count = factors.r.rows;
    const yieldToEventLoop = eventLoopYielder();
    for (let first = 0; first < count; first += PANEL) {
      const end = Math.min(first + PANEL, count);
      const panel = factors.#makePanel(matrix, first, end);
      for (let j = end; j < columns; j += 2) {
        await yieldToEventLoop();
        options.signal?.throwIfAborted();
        const pair = pairOf(matrix, j);
        applyPanel(
          panel,
          pair.map((column) => column.subarray(first)),
          'transposed',
        );
        for (const [k, column] of pair.entries())
          factors.r.values.set(column.subarray(first, end), (j + k) * count + first);
      }
      factors.#panels.push(panel);
    }
    return factors;
  }

  /** The reflections that make columns `first` to `end` triangular; their vectors take the columns' place. */
  #makePanel(matrix: Matrix, first: number, end: number): Panel {
    const vectors: Float64Array[] = [];
    const betas: number[] = [];
    for (let j = first; j < end; j++) {
      const column = columnOf(matrix, j).subarray(first);
      for (const [k, vector] of vectors.entries()) reflect(vector, betas[k]!, column);
      const above = j - first;
      this.r.values.set(column.subarray(0, above), j * this.r.rows + first);
      column.fill(0, 0, above);
      const { beta, diagonal } = makeReflection(column.subarray(above));
      this.r.values[j * this.r.rows + j] = diagonal;
      vectors.push(column);
      betas.push(beta);
    }
    const missing = new Float64Array(vectors.length < PANEL ? vectors[0]!.length : 0);
    while (vectors.length < PANEL) vectors.push(missing);
    return { firstRow: first, vectors: vectors as Panel['vectors'], t: triangle(vectors, betas) };
  }

  /** Q·X, [m, n], for X [k, n]. */
  async timesQ(x: Matrix, options: Cancellable = {}): Promise<Matrix> {
    const result = zeros(this.#rows, x.columns);
    const yieldToEventLoop = eventLoopYielder();
    for (let j = 0; j < x.columns; j++) columnOf(result, j).set(columnOf(x, j));
    for (const panel of this.#panels.toReversed()) {
      for (let j = 0; j < x.columns; j += 2) {
        await yieldToEventLoop();
        options.signal?.throwIfAborted();
        applyPanel(
          panel,
          pairOf(result, j).map((column) => column.subarray(panel.firstRow)),
          'plain',
        );
      }
    }
    return result;
  }
}

/** Turns `vector` into the v, with v₀ = 1, of the reflection I − β·v·vᵀ that made it a multiple of the unit vector. */
export function makeReflection(vector: Float64Array): { beta: number; diagonal: number } {
  const length = norm(vector);
  const head = vector[0]!;
  // The sign that avoids the difference of two numbers of nearly equal size.
  const diagonal = head > 0 ? -length : length;
  const first = head - diagonal;
  for (let i = 1; i < vector.length; i++) vector[i] = first === 0 ? 0 : vector[i]! / first;
  vector[0] = 1;
  return { beta: first === 0 ? 0 : -first / diagonal, diagonal };
}

export function reflect(vector: Float64Array, beta: number, column: Float64Array): void {
  const factor = -beta * dot(vector, column);
  for (let i = 0; i < column.length; i++) column[i]! += factor * vector[i]!;
}

/** T of the product of the reflections, the first one leftmost. */
function triangle(vectors: readonly Float64Array[], betas: readonly number[]): Float64Array {
  const t = new Float64Array(PANEL * PANEL);
  for (const [j, beta] of betas.entries()) {
    t[j * PANEL + j] = beta;
    const products = vectors.slice(0, j).map((vector) => dot(vector, vectors[j]!));
    for (let i = 0; i < j; i++) {
      let sum = 0;
      for (let k = i; k < j; k++) sum += t[i * PANEL + k]! * products[k]!;
      t[i * PANEL + j] = -beta * sum;
    }
  }
  return t;
}

/** A column and the next one, if there is one. */
function pairOf(matrix: Matrix, j: number): Float64Array[] {
  return j + 1 < matrix.columns ? [columnOf(matrix, j), columnOf(matrix, j + 1)] : [columnOf(matrix, j)];
}

/** column ← (I − V·T·Vᵀ)·column, or with Tᵀ, for one column or two. */
function applyPanel({ vectors, t }: Panel, [one, other]: Float64Array[], form: 'plain' | 'transposed'): void {
  const factorsOf = (products: readonly number[]) =>
    [0, 1, 2, 3].map((i) => {
      let sum = 0;
      for (let k = 0; k < PANEL; k++) sum -= t[form === 'plain' ? i * PANEL + k : k * PANEL + i]! * products[k]!;
      return sum;
    });
  if (other === undefined) combineFour(vectors, factorsOf(dotsOfFour(vectors, one!)), one!);
  else {
    const [ofOne, ofOther] = dotsOfFourByTwo(vectors, one!, other);
    combineFourByTwo(vectors, factorsOf(ofOne), factorsOf(ofOther), one!, other);
  }
}
