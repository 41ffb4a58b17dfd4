/** Small dense linear algebra in float64, for products of low rank. */
export { alignedFactors, canonicalFactors, type Factors } from './balanced-factors.js';
export { effectiveRank } from './effective-rank.js';
export { type SymmetricEigen, signOfLargest, symmetricEigen } from './eigen.js';
export { addScaledFloats, scalarProduct } from './float32.js';
export { type LowRank, SharedBases } from './low-rank.js';
export {
  addScaled,
  type Cancellable,
  columnOf,
  dot,
  type Matrix,
  norm,
  timesTransposed,
  transpose,
  zeros,
} from './matrix.js';
export { differenceGradient, innerProduct, type Product } from './product-difference.js';
export { QrFactors } from './qr.js';
export { type Svd, singularValues, svd } from './svd.js';
