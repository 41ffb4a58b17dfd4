import { differenceGradient, innerProduct, type Product } from '../../src/linear-algebra/index.js';
import { randomMatrix } from './matrices.js';

const product = (rows: number, columns: number, rank: number, seed: number) => ({
  ...{ rows, columns, rank },
  left: randomMatrix(rows, rank, seed).values,
  right: randomMatrix(rank, columns, seed + 1).values,
});

/** By the definition. */
function element({ columns, rank, left, right }: Product, row: number, column: number): number {
  let sum = 0;
  for (let k = 0; k < rank; k++) sum += left[row * rank + k]! * right[k * columns + column]!;
  return sum;
}

function sumOver(one: Product, of: (row: number, column: number) => number): number {
  let sum = 0;
  for (let row = 0; row < one.rows; row++) for (let column = 0; column < one.columns; column++) sum += of(row, column);
  return sum;
}

const squaredDifference = (one: Product, other: Product) =>
  sumOver(one, (row, column) => (element(one, row, column) - element(other, row, column)) ** 2);

const SHAPES = [
  [7, 5, 3],
  [1, 9, 4],
  [6, 1, 2],
  [3, 3, 1],
] as const;

test.each(SHAPES)('[%i, %i] of rank %i: the inner product is the sum over all elements', (rows, columns, rank) => {
  const [one, other] = [product(rows, columns, rank, 1), product(rows, columns, rank, 5)];
  const expected = sumOver(one, (row, column) => element(one, row, column) * element(other, row, column));
  expect(innerProduct(one, other)).toBeCloseTo(expected, 10);
});

test.each(SHAPES)('[%i, %i] of rank %i: the gradient agrees with finite differences', (rows, columns, rank) => {
  const [one, target] = [product(rows, columns, rank, 1), product(rows, columns, rank, 5)];
  const gradient = { left: new Float64Array(rows * rank), right: new Float64Array(rank * columns) };
  differenceGradient(one, target, 0.3, gradient);
  const largest = Math.max(...gradient.left.map(Math.abs), ...gradient.right.map(Math.abs));
  const step = 1e-5;
  for (const side of ['left', 'right'] as const) {
    for (const [i, found] of gradient[side].entries()) {
      const at = (value: number) => ({ ...one, [side]: one[side].with(i, one[side][i]! + value) });
      const difference = squaredDifference(at(step), target) - squaredDifference(at(-step), target);
      expect(Math.abs((0.3 * difference) / (2 * step) - found)).toBeLessThan(1e-8 * largest);
    }
  }
});

test('a product that is the target with other factors has no gradient', () => {
  const one = product(6, 4, 2, 1);
  // A turn of the factors that leaves the product: columns exchanged, one of them doubled.
  const left = one.left.map((_, i) => one.left[i - (i % 2) + 1 - (i % 2)]! * (i % 2 === 0 ? 2 : 1));
  const right = one.right.map((_, i) => one.right[(i + 4) % 8]! / (i < 4 ? 2 : 1));
  const gradient = { left: new Float64Array(12), right: new Float64Array(8) };
  differenceGradient({ ...one, left, right }, one, 1, gradient);
  expect(Math.max(...gradient.left.map(Math.abs), ...gradient.right.map(Math.abs))).toBeLessThan(1e-12);
  differenceGradient({ ...one, left }, one, 1, gradient);
  expect(Math.max(...gradient.left.map(Math.abs))).toBeGreaterThan(0.1);
});
