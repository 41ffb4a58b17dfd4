/** A product of low rank as its factors: left · right. */
export interface Product {
  rows: number;
  columns: number;
  rank: number;
  /** [rows, rank], row-major. */
  left: Float32Array | Float64Array;
  /** [rank, columns], row-major. */
  right: Float32Array | Float64Array;
}

/** ⟨one, other⟩, the sum over all elements of the two products, without forming them. Of the same shape and rank. */
export function innerProduct(one: Product, other: Product): number {
  const left = columnGram(one, other);
  return rowGram(one, other).reduce((sum, value, i) => sum + value * left[i]!, 0);
}

/**
 * Writes the gradient of ‖product − target‖² with respect to the product's factors, times `factor`: 2·(P − T)·rightᵀ and
 * 2·leftᵀ·(P − T), by way of rank × rank matrices.
 * @param target of the same shape and rank
 * @param into receives them, in the shapes of the factors
 */
export function differenceGradient(
  product: Product,
  target: Product,
  factor: number,
  into: Pick<Product, 'left' | 'right'>,
): void {
  const { rows, columns, rank, left, right } = product;
  const [own, cross] = [rowGram(product, product), rowGram(target, product)];
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < rank; i++) {
      let sum = 0;
      for (let j = 0; j < rank; j++) {
        const at = row * rank + j;
        sum += left[at]! * own[j * rank + i]! - target.left[at]! * cross[j * rank + i]!;
      }
      into.left[row * rank + i] = 2 * factor * sum;
    }
  }
  const [ownLeft, crossLeft] = [columnGram(product, product), columnGram(product, target)];
  for (let i = 0; i < rank; i++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let j = 0; j < rank; j++) {
        const at = j * columns + column;
        sum += ownLeft[i * rank + j]! * right[at]! - crossLeft[i * rank + j]! * target.right[at]!;
      }
      into.right[i * columns + column] = 2 * factor * sum;
    }
  }
}

/** one.leftᵀ · other.left, row-major [rank, rank]. */
function columnGram({ rows, rank, left }: Product, other: Product): Float64Array {
  const gram = new Float64Array(rank * rank);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < rank; i++) {
      const value = left[row * rank + i]!;
      for (let j = 0; j < rank; j++) gram[i * rank + j]! += value * other.left[row * rank + j]!;
    }
  }
  return gram;
}

/** one.right · other.rightᵀ, row-major [rank, rank]. */
function rowGram({ columns, rank, right }: Product, other: Product): Float64Array {
  const gram = new Float64Array(rank * rank);
  for (let i = 0; i < rank; i++) {
    for (let j = 0; j < rank; j++) {
      let sum = 0;
      for (let column = 0; column < columns; column++)
        sum += right[i * columns + column]! * other.right[j * columns + column]!;
      gram[i * rank + j] = sum;
    }
  }
  return gram;
}
