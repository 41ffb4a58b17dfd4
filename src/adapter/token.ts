/**
 * One weight token: a chunk of normalised weights in the top-left corner, its mean and standard deviation in the last
 * two rows and columns, NaN in between. The scheme is the published code's; docs/formats.md describes it.
 */

/** Position of a chunk in a flat array: element (row, column) is at start + row·rowStride + column·columnStride. */
export interface ChunkView {
  start: number;
  rows: number;
  columns: number;
  rowStride: number;
  columnStride: number;
}

/** Position of a token in a flat, row-major array. */
export interface TokenView {
  start: number;
  height: number;
  width: number;
}

const MEAN_SCALE = 8;
const DEVIATION_SCALE = 0.9;
const DEVIATION_OFFSET = 0.1;
const LOGARITHM_OFFSET = 1.6;

interface Moments {
  mean: number;
  /** Sample standard deviation (n − 1); 1 for a single element, 0 for a constant chunk. */
  deviation: number;
}

function meanAndDeviation(
  weights: Float32Array,
  { start, rows, columns, rowStride, columnStride }: ChunkView,
): Moments {
  const count = rows * columns;
  const first = weights[start]!;
  let sum = 0;
  let constant = true;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const weight = weights[start + row * rowStride + column * columnStride]!;
      sum += weight;
      if (weight !== first) constant = false;
    }
  }
  // The sum of equal values, rounded, is not always a multiple of them: without this, noise would be scaled to 1.
  if (constant) return { mean: first, deviation: count === 1 ? 1 : 0 };
  const mean = sum / count;
  let squares = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const difference = weights[start + row * rowStride + column * columnStride]! - mean;
      squares += difference * difference;
    }
  }
  return { mean, deviation: Math.sqrt(squares / (count - 1)) };
}

/** Normalises a chunk into a token. Every element of the token is written, NaN in unused elements. */
export function writeToken(weights: Float32Array, chunk: ChunkView, tokens: Float32Array, token: TokenView): void {
  const { mean, deviation } = meanAndDeviation(weights, chunk);
  const { start, height, width } = token;
  tokens.fill(Number.NaN, start, start + height * width);
  for (let row = 0; row < chunk.rows; row++) {
    const from = chunk.start + row * chunk.rowStride;
    const to = start + row * width;
    for (let column = 0; column < chunk.columns; column++) {
      const weight = weights[from + column * chunk.columnStride]!;
      tokens[to + column] = deviation === 0 ? 0 : (weight - mean) / deviation;
    }
  }
  const marginMean = mean * MEAN_SCALE;
  const marginDeviation = Math.log(deviation * DEVIATION_SCALE + DEVIATION_OFFSET) + LOGARITHM_OFFSET;
  for (let row = height - 2; row < height; row++) {
    for (let column = 0; column < width; column++) {
      tokens[start + row * width + column] = column % 2 === 0 ? marginMean : marginDeviation;
    }
  }
  for (let row = 0; row < height; row++) {
    tokens[start + row * width + width - 2] = marginMean;
    tokens[start + row * width + width - 1] = marginDeviation;
  }
}

/** The mean of `count` elements. */
function average(tokens: Float32Array, start: number, stride: number, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += tokens[start + i * stride]!;
  return sum / count;
}

/**
 * Mean and standard deviation from the margins of a generated token, which are not exactly consistent. The even rows'
 * estimate is paired with the row before the last, the odd rows' with the last; each pair is averaged and inverted, and
 * the two results are averaged.
 */
function readMargins(tokens: Float32Array, { start, height, width }: TokenView): Moments {
  let mean = 0;
  let deviation = 0;
  for (const parity of [0, 1]) {
    const row = start + (height - 2 + parity) * width;
    const column = start + parity * width + width - 2;
    const m = (average(tokens, row, 2, width / 2) + average(tokens, column, 2 * width, height / 2)) / 2;
    const s = (average(tokens, row + 1, 2, width / 2) + average(tokens, column + 1, 2 * width, height / 2)) / 2;
    mean += m / MEAN_SCALE / 2;
    deviation += (Math.exp(s - LOGARITHM_OFFSET) - DEVIATION_OFFSET) / DEVIATION_SCALE / 2;
  }
  return { mean, deviation };
}

/** De-normalises a token into its chunk. */
export function readToken(tokens: Float32Array, token: TokenView, weights: Float32Array, chunk: ChunkView): void {
  const { mean, deviation } = readMargins(tokens, token);
  for (let row = 0; row < chunk.rows; row++) {
    const from = token.start + row * token.width;
    const to = chunk.start + row * chunk.rowStride;
    for (let column = 0; column < chunk.columns; column++) {
      weights[to + column * chunk.columnStride] = tokens[from + column]! * deviation + mean;
    }
  }
}
