import { DndError } from '../errors.js';
import { sha256OfValues } from '../formats/digest.js';
import { firstNonFinite } from '../formats/non-finite.js';

/**
 * How weights become weight tokens. 'chunk', the published scheme: each chunk has mean 0 and standard deviation 1, which
 * stand in the token's margins. 'residual': a chunk's deviation from the mean of the training checkpoints, divided by
 * one scale per token; mean and scales are stored with the generator, and tokens have no margins.
 */
export const NORMALISATIONS = ['chunk', 'residual'] as const;

/**
 * How weights become weight tokens: `chunk`, the published scheme, or `residual`, deviations from a mean adapter that
 * is stored with the generator.
 */
export type Normalisation = (typeof NORMALISATIONS)[number];

/** What weight tokens of the normalisation 'residual' are relative to: weight = mean + scale · element of the token. */
export class ResidualStatistics {
  #digest: string | undefined;

  /**
   * @param mean of the training checkpoints, elementwise: [elements] of an adapter in the order of its layout
   * @param scales [tokens]: root mean square of each token's deviations; 0 where the training checkpoints are equal
   * @throws DndError INVALID_WEIGHTS for a value that is not finite, or a negative scale
   */
  constructor(
    readonly mean: Float32Array,
    readonly scales: Float32Array,
  ) {
    const element = firstNonFinite(mean);
    if (element >= 0) throw invalid('the mean adapter', 'finite numbers', mean[element]!, element);
    const token = scales.findIndex((scale) => !(Number.isFinite(scale) && scale >= 0));
    if (token >= 0) throw invalid('the scales of the weight tokens', 'numbers from 0', scales[token]!, token);
  }

  /** SHA-256 of the values: of mean, then scales, as little-endian float32. */
  get sha256(): string {
    this.#digest ??= sha256OfValues([this.mean, this.scales]);
    return this.#digest;
  }
}

function invalid(what: string, expected: string, got: number, index: number): DndError {
  return new DndError('INVALID_WEIGHTS', `${what}: invalid value; expected ${expected}, got ${got} at ${index}`);
}
