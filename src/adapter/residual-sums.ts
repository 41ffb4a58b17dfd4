import { DndError } from '../errors.js';
import { firstNonFinite } from '../formats/non-finite.js';
import type { AdapterLayout } from './layout.js';
import type { LayoutTensor } from './layout-tensors.js';
import { ResidualStatistics } from './normalisation.js';

/**
 * Streaming mean adapter and scales of the weight tokens (Welford, 1962) in double precision: one float64 number per
 * element for any number of checkpoints. Equal elements give exactly their value and a deviation of exactly 0.
 */
export class ResidualSums {
  readonly #means: Float64Array;
  /** By token: the sum of squared deviations of all its elements and checkpoints. */
  readonly #squares: Float64Array;
  #checkpoints = 0;

  constructor(readonly layout: AdapterLayout) {
    this.#means = new Float64Array(layout.elementCount);
    this.#squares = new Float64Array(layout.tokenCount);
  }

  /** Call before the tensors of each checkpoint; each must follow exactly once, in any order. */
  beginCheckpoint(): void {
    this.#checkpoints++;
  }

  /** @throws DndError INVALID_WEIGHTS for NaN or infinity */
  add(data: Float32Array, tensor: LayoutTensor): void {
    const { shape, part, offset, firstToken, name } = tensor;
    const means = this.#means.subarray(offset, offset + data.length);
    const [rows, columns] = shape;
    const { chunk } = this.layout;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const place = row * columns + column;
        const along = part === 'A' ? column : row;
        const difference = data[place]! - means[place]!;
        means[place]! += difference / this.#checkpoints;
        this.#squares[firstToken + Math.floor(along / chunk)]! += difference * (data[place]! - means[place]!);
      }
    }
    const own = this.#squares.subarray(firstToken, firstToken + tensor.tokenCount);
    if (firstNonFinite(own) >= 0)
      throw new DndError('INVALID_WEIGHTS', `${name} holds NaN, infinity or too large weights; weights must be finite`);
  }

  /** Rounded to float32. @throws DndError INVALID_PAIRS if no two checkpoints differ: there is nothing to learn */
  result(): ResidualStatistics {
    const { tensors, tokenCount, rank, chunk } = this.layout;
    const scales = new Float32Array(tokenCount);
    for (const { shape, part, firstToken, tokenCount: count } of tensors) {
      const length = part === 'A' ? shape[1] : shape[0];
      for (let index = 0; index < count; index++) {
        const elements = rank * Math.min(chunk, length - index * chunk) * this.#checkpoints;
        scales[firstToken + index] = Math.sqrt(this.#squares[firstToken + index]! / elements);
      }
    }
    if (!scales.some((scale) => scale > 0))
      throw new DndError(
        'INVALID_PAIRS',
        "normalisation 'residual': no deviations; expected training checkpoints that differ, got one, or equal ones. " +
          "Add checkpoints or tasks, or train with normalisation 'chunk'",
      );
    return new ResidualStatistics(new Float32Array(this.#means), scales);
  }
}
