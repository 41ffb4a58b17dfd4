import { eventLoopYielder } from '../../async/index.js';
import { DndError } from '../../errors.js';

/** Adding this many elements takes about a millisecond. */
const SLICE = 2 ** 17;

/**
 * Streaming standard deviation of weight token elements over the checkpoints of one data set (Welford, "Note on a
 * method for calculating corrected sums of squares and products", 1962): two float64 numbers per element for any number
 * of checkpoints. Elements that are NaN in any of them are excluded.
 */
export class TokenDeviations {
  readonly #means: Float64Array;
  readonly #squares: Float64Array;
  #checkpoints = 0;

  /** @param elements of one token */
  constructor(
    readonly tokens: number,
    readonly elements: number,
  ) {
    this.#means = new Float64Array(tokens * elements);
    this.#squares = new Float64Array(tokens * elements);
  }

  /**
   * @param values [tokens, elements] of one more checkpoint
   * @throws DndError SHAPE_MISMATCH; `signal.reason`
   */
  async add(values: Float32Array, signal?: AbortSignal): Promise<void> {
    if (values.length !== this.#means.length)
      throw new DndError(
        'SHAPE_MISMATCH',
        `token importance: wrong number of elements; expected ${this.tokens} weight tokens of ${this.elements}, got ${values.length} elements`,
      );
    const yieldToEventLoop = eventLoopYielder();
    this.#checkpoints++;
    for (let begin = 0; begin < values.length; begin += SLICE) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      addSlice(
        values.subarray(begin, begin + SLICE),
        this.#means.subarray(begin, begin + SLICE),
        this.#squares.subarray(begin, begin + SLICE),
        this.#checkpoints,
      );
    }
  }

  /** For each token the sum of its elements' standard deviations (population), and how many elements it has. */
  async sums(): Promise<TokenSums> {
    const yieldToEventLoop = eventLoopYielder();
    const sums = { deviations: new Float64Array(this.tokens), counts: new Float64Array(this.tokens) };
    for (let token = 0; token < this.tokens; token++) {
      await yieldToEventLoop();
      const squares = this.#squares.subarray(token * this.elements, (token + 1) * this.elements);
      addDeviations(squares, this.#checkpoints, token, sums);
    }
    return sums;
  }
}

function addDeviations(squares: Float64Array, checkpoints: number, token: number, sums: TokenSums): void {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < squares.length; i++) {
    const square = squares[i]!;
    if (Number.isNaN(square)) continue;
    sum += Math.sqrt(square / checkpoints);
    count++;
  }
  sums.deviations[token] = sum;
  sums.counts[token] = count;
}

export interface TokenSums {
  deviations: Float64Array;
  counts: Float64Array;
}

function addSlice(values: Float32Array, means: Float64Array, squares: Float64Array, count: number): void {
  for (let i = 0; i < values.length; i++) {
    const difference = values[i]! - means[i]!;
    means[i]! += difference / count;
    squares[i]! += difference * (values[i]! - means[i]!);
  }
}

/** Scaled so that its mean over all elements of all tokens is 1; undefined if it is zero everywhere. */
export function normalisedImportance(importance: Float64Array, counts: Float64Array): Float64Array | undefined {
  const elements = counts.reduce((sum, count) => sum + count, 0);
  const total = importance.reduce((sum, value, token) => sum + value * counts[token]!, 0);
  return total > 0 ? importance.map((value) => (value * elements) / total) : undefined;
}

/**
 * The token importance of one data set: the mean standard deviation of a token's elements, as a share of the sum over
 * all elements of all tokens, times the number of these elements. Its mean over all elements is 1. Source: the
 * published code's `criterion_weight`.
 * @returns [tokens]; undefined if the checkpoints do not differ (there is only one, or all are identical)
 */
export function importanceFromSums({ deviations, counts }: TokenSums): Float64Array | undefined {
  const means = deviations.map((sum, token) => (counts[token] === 0 ? 0 : sum / counts[token]!));
  return normalisedImportance(means, counts);
}

/**
 * The token importance of one data set from a stream of its checkpoints.
 * @param checkpoints each [tokens, …], NaN in unused elements
 * @returns [tokens]; all ones if the checkpoints do not differ
 * @throws DndError SHAPE_MISMATCH for no checkpoints, or sizes that differ; `signal.reason`
 */
export async function tokenImportance(
  checkpoints: Iterable<Float32Array> | AsyncIterable<Float32Array>,
  tokens: number,
  signal?: AbortSignal,
): Promise<Float64Array> {
  let deviations: TokenDeviations | undefined;
  for await (const values of checkpoints) {
    deviations ??= new TokenDeviations(tokens, values.length / tokens);
    await deviations.add(values, signal);
  }
  if (!deviations) throw new DndError('SHAPE_MISMATCH', 'token importance: expected at least one checkpoint, got none');
  return importanceFromSums(await deviations.sums()) ?? new Float64Array(tokens).fill(1);
}

/** The mean of the data sets' vectors. */
export function meanImportance(vectors: readonly Float64Array[]): Float64Array {
  const mean = new Float64Array(vectors[0]?.length ?? 0);
  for (const vector of vectors) for (let i = 0; i < mean.length; i++) mean[i]! += vector[i]! / vectors.length;
  return mean;
}
