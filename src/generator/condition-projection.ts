import { eventLoopYielder } from '../async/index.js';
import { DndError } from '../errors.js';
import { sha256OfValues } from '../formats/digest.js';
import { firstNonFinite } from '../formats/non-finite.js';
import { dot } from '../linear-algebra/index.js';

/**
 * Hidden states → whitened principal components: y = W·(x − mean). Over the hidden states that it was computed from, each
 * component has mean 0 and variance 1, and no two are correlated.
 */
export class ConditionProjection {
  /** Number of values of a hidden state, and of its projection. */
  readonly channels: number;
  readonly components: number;
  /** The rows of W, in double precision. */
  readonly #rows: Float64Array[];
  #digest: string | undefined;

  /**
   * @param mean [channels]
   * @param matrix W, [components, channels]
   * @throws DndError INVALID_WEIGHTS for a value that is not finite
   */
  constructor(
    readonly mean: Float32Array,
    readonly matrix: Float32Array,
  ) {
    for (const [what, values] of [['mean', mean] as const, ['components', matrix] as const]) {
      const place = firstNonFinite(values);
      if (place >= 0)
        throw new DndError(
          'INVALID_WEIGHTS',
          `the condition projection: invalid ${what}; expected finite numbers, got ${values[place]} at ${place}`,
        );
    }
    this.channels = mean.length;
    this.components = matrix.length / mean.length;
    this.#rows = Array.from({ length: this.components }, (_, row) =>
      Float64Array.from(matrix.subarray(row * this.channels, (row + 1) * this.channels)),
    );
  }

  /** SHA-256 of the values: of mean, then W, as little-endian float32. */
  get sha256(): string {
    this.#digest ??= sha256OfValues([this.mean, this.matrix]);
    return this.#digest;
  }

  /**
   * Projects every state; states of zeros alone, which are those of padding, stay zeros. Yields to the event loop.
   * @param states [positions, channels]
   * @param into [positions, components]
   * @throws `signal.reason`
   */
  async apply(states: Float32Array, into: Float32Array, signal: AbortSignal | undefined): Promise<void> {
    const { channels, components, mean } = this;
    const rows = this.#rows;
    const yieldToEventLoop = eventLoopYielder();
    const centred = new Float64Array(channels);
    for (let position = 0; position * channels < states.length; position++) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      const state = states.subarray(position * channels, (position + 1) * channels);
      const padding = isPadding(state);
      for (let i = 0; i < channels && !padding; i++) centred[i] = state[i]! - mean[i]!;
      for (let k = 0; k < components; k++) into[position * components + k] = padding ? 0 : dot(rows[k]!, centred);
    }
  }
}

/** Whether a hidden state is that of a padding position, with the padding 'zero'. */
export function isPadding(state: Float32Array): boolean {
  return state.every((value) => value === 0);
}
