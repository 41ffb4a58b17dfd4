import { slices } from '../async/index.js';
import { DndError } from '../errors.js';
import { sha256OfValues } from '../formats/digest.js';
import { firstNonFinite } from '../formats/non-finite.js';
import { addScaledFloats, scalarProduct } from '../linear-algebra/index.js';

/** Elements of every direction that are worked on at once: their sums stay in the processor's cache. */
const STRIP = 2048;

/**
 * A shared basis of weight tokens: a decoder that ends in n coefficients c means the tokens Σ c[i] · T[i]. The directions T
 * are orthogonal but for rounding; zeros where a chunk does not fill its token.
 */
export class Basis {
  #digest: string | undefined;

  private constructor(
    /** [count, size], a direction of weight tokens [tokenCount, tokenHeight, tokenWidth] after the other. */
    readonly directions: Float32Array,
    readonly count: number,
    /** Elements of a direction: of all weight tokens of an adapter. */
    readonly size: number,
    /** Squared norm of each direction: [count]. */
    readonly squares: Float64Array,
  ) {}

  /**
   * @param directions [count, elements of all weight tokens]
   * @throws DndError INVALID_WEIGHTS for a value that is not finite, or a direction of zeros alone; `signal.reason`
   */
  static async from(
    directions: Float32Array,
    count: number,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<Basis> {
    const place = firstNonFinite(directions);
    if (place >= 0)
      throw new DndError(
        'INVALID_WEIGHTS',
        `the basis: invalid directions; expected finite numbers, got ${directions[place]} at ${place}`,
      );
    const size = directions.length / count;
    const squares = new Float64Array(count);
    for await (const [start, end] of slices(size, STRIP, signal)) {
      for (let i = 0; i < count; i++) {
        const own = directions.subarray(i * size + start, i * size + end);
        squares[i]! += scalarProduct(own, own);
      }
    }
    const empty = squares.indexOf(0);
    if (empty < 0) return new Basis(directions, count, size, squares);
    throw new DndError('INVALID_WEIGHTS', `the basis: direction ${empty} is zero everywhere; expected one that is not`);
  }

  /** SHA-256 of the directions, as little-endian float32. */
  get sha256(): string {
    this.#digest ??= sha256OfValues([this.directions]);
    return this.#digest;
  }

  /**
   * How much a squared difference of each coefficient is in the squared difference of tokens; their mean is 1: [count].
   */
  get importance(): Float32Array {
    const mean = this.squares.reduce((sum, square) => sum + square, 0) / this.count;
    return Float32Array.from(this.squares, (square) => square / mean);
  }

  /**
   * Σ c[i] · T[i], summed in double precision.
   * @param coefficients [batch, count]
   * @returns [batch, size]
   * @throws `signal.reason`
   */
  async tokens(
    coefficients: Float32Array,
    batch: number,
    signal?: AbortSignal | undefined,
  ): Promise<Float32Array<ArrayBuffer>> {
    const { count, size, directions } = this;
    const tokens = new Float32Array(batch * size);
    const sums = new Float64Array(STRIP);
    for await (const [start, end] of slices(size, STRIP, signal)) {
      for (let task = 0; task < batch; task++) {
        sums.fill(0);
        for (let i = 0; i < count; i++)
          addScaledFloats(coefficients[task * count + i]!, directions.subarray(i * size + start, i * size + end), sums);
        tokens.set(sums.subarray(0, end - start), task * size + start);
      }
    }
    return tokens;
  }

  /**
   * ⟨T[i], v⟩, in double precision: of a gradient with respect to weight tokens the one with respect to coefficients.
   * @param values v, [batch, size]
   * @returns [batch, count]
   * @throws `signal.reason`
   */
  async products(values: Float32Array, batch: number, signal?: AbortSignal | undefined): Promise<Float32Array> {
    return Float32Array.from(await this.#products(values, batch, signal));
  }

  /**
   * The coefficients whose tokens are the closest to the given ones.
   * @param tokens [size], NaN where a chunk does not fill its token
   * @returns [count]
   * @throws `signal.reason`
   */
  async coefficients(tokens: Float32Array, signal?: AbortSignal | undefined): Promise<Float32Array> {
    const filled = tokens.map((value) => (Number.isNaN(value) ? 0 : value));
    const products = await this.#products(filled, 1, signal);
    return Float32Array.from(products, (product, i) => product / this.squares[i]!);
  }

  async #products(values: Float32Array, batch: number, signal: AbortSignal | undefined): Promise<Float64Array> {
    const { count, size, directions } = this;
    const products = new Float64Array(batch * count);
    for await (const [start, end] of slices(size, STRIP, signal)) {
      for (let task = 0; task < batch; task++) {
        const own = values.subarray(task * size + start, task * size + end);
        for (let i = 0; i < count; i++)
          products[task * count + i]! += scalarProduct(own, directions.subarray(i * size + start, i * size + end));
      }
    }
    return products;
  }
}
