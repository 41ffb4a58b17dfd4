import type { AdapterLayout } from './layout.js';
import type { ResidualStatistics } from './normalisation.js';

/**
 * The gradient of a loss with respect to weight tokens of the normalisation 'residual', from that with respect to the
 * adapter which they become: weight = mean + scale · element of the token.
 * @param residual that of the layout
 * @param gradient [elementCount], with respect to the adapter's tensors one after the other
 * @param factor multiplies the gradient
 * @param into [tokenCount, tokenHeight, tokenWidth]; zeros where a chunk does not fill its token
 */
export function residualTokenGradient(
  { tensors, rank, chunk, tokenHeight, tokenWidth }: AdapterLayout,
  { scales }: ResidualStatistics,
  gradient: Float32Array,
  factor: number,
  into: Float32Array,
): void {
  into.fill(0);
  for (const { part, shape, offset, firstToken, tokenCount } of tensors) {
    const length = part === 'A' ? shape[1] : shape[0];
    const [rowStride, columnStride] = part === 'A' ? [length, 1] : [1, rank];
    for (let index = 0; index < tokenCount; index++) {
      const scale = factor * scales[firstToken + index]!;
      const start = (firstToken + index) * tokenHeight * tokenWidth;
      const first = index * chunk;
      const columns = Math.min(chunk, length - first);
      for (let row = 0; row < rank; row++) {
        const from = offset + row * rowStride + first * columnStride;
        const to = start + row * tokenWidth;
        for (let column = 0; column < columns; column++)
          into[to + column] = scale * gradient[from + column * columnStride]!;
      }
    }
  }
}
