/**
 * One weight token of the normalisation 'residual': (weight − mean) / scale in the places of the chunk, NaN beyond a
 * chunk that is shorter than its token. docs/formats.md describes it; the native engine has the same arithmetic.
 */
import type { ChunkView, TokenView } from './token.js';

/** What the token is relative to. */
export interface Reference {
  /** Of the whole tensor, in its own order. */
  mean: Float32Array;
  /** 0: the training checkpoints are equal here, and the token is 0. */
  scale: number;
}

/**
 * Normalises a chunk into a token; every element of the token is written.
 * @returns whether all elements of the chunk are finite numbers in the token
 */
export function writeResidualToken(
  weights: Float32Array,
  chunk: ChunkView,
  { mean, scale }: Reference,
  tokens: Float32Array,
  { start, height, width }: TokenView,
): boolean {
  tokens.fill(Number.NaN, start, start + height * width);
  let finite = true;
  for (let row = 0; row < chunk.rows; row++) {
    for (let column = 0; column < chunk.columns; column++) {
      const place = chunk.start + row * chunk.rowStride + column * chunk.columnStride;
      const deviation = weights[place]! - mean[place]!;
      const to = start + row * width + column;
      tokens[to] = scale === 0 ? 0 : deviation / scale;
      finite &&= Number.isFinite(deviation) && Number.isFinite(tokens[to]!);
    }
  }
  return finite;
}

/** De-normalises a token into its chunk. A scale of 0 gives the mean, whatever the token holds. */
export function readResidualToken(
  tokens: Float32Array,
  { start, width }: TokenView,
  { mean, scale }: Reference,
  weights: Float32Array,
  chunk: ChunkView,
): void {
  for (let row = 0; row < chunk.rows; row++) {
    for (let column = 0; column < chunk.columns; column++) {
      const place = chunk.start + row * chunk.rowStride + column * chunk.columnStride;
      weights[place] = scale === 0 ? mean[place]! : tokens[start + row * width + column]! * scale + mean[place]!;
    }
  }
}
