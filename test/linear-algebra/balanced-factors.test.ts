import fc from 'fast-check';
import {
  alignedFactors,
  canonicalFactors,
  type Factors,
  type LowRank,
  type Matrix,
  svd,
  transpose,
  zeros,
} from '../../src/linear-algebra/index.js';
import { orthogonalityError, randomMatrix, relativeError, times } from './matrices.js';

interface Shape {
  rows: number;
  columns: number;
  rank: number;
}

/** Of row-major values. */
function matrixOf(values: ArrayLike<number>, rows: number, columns: number): Matrix {
  return transpose({ rows: columns, columns: rows, values: Float64Array.from(values) });
}

function rowMajor(matrix: Matrix): Float32Array {
  return new Float32Array(transpose(matrix).values);
}

function productOf({ left, right }: Factors, { rows, columns, rank }: Shape): Matrix {
  return times(matrixOf(left, rows, rank), matrixOf(right, rank, columns));
}

function lowRank(left: Matrix, right: Matrix): LowRank {
  return {
    ...{ rows: left.rows, columns: right.columns, rank: left.columns, scale: 1 },
    ...{ left: rowMajor(left), right: rowMajor(right) },
  };
}

/** Of orthonormal columns. */
async function orthonormal(rows: number, columns: number, seed: number): Promise<Matrix> {
  return (await svd(randomMatrix(rows, columns, seed))).left;
}

/** U · diag(values) · Vᵀ with factors that are turned by a matrix of no special form. */
async function withSingularValues(
  values: readonly number[],
  { rows, columns }: { rows: number; columns: number },
  turnSeed: number,
): Promise<LowRank> {
  const rank = values.length;
  const [u, v] = [await orthonormal(rows, rank, 1), await orthonormal(columns, rank, 2)];
  const middle = zeros(rank, rank);
  for (const [i, value] of values.entries()) middle.values[i * rank + i] = value;
  // Integers, and an inverse of integers: powers of two off a triangle of ones.
  const [turn, back] = [zeros(rank, rank), zeros(rank, rank)];
  for (let i = 0; i < rank; i++) {
    turn.values[i * rank + i] = 2 ** ((turnSeed + i) % 3);
    back.values[i * rank + i] = 2 ** -((turnSeed + i) % 3);
  }
  if (rank > 1) {
    turn.values[rank] = turnSeed;
    back.values[rank] = (-turnSeed * back.values[0]!) / turn.values[rank + 1]!;
  }
  return lowRank(times(times(u, middle), turn), times(back, transpose(v)));
}

const difference = (a: Factors, b: Factors) =>
  Math.max(...(['left', 'right'] as const).flatMap((side) => Array.from(a[side], (x, i) => Math.abs(x - b[side][i]!))));

const anyProduct = fc
  .record({
    rows: fc.integer({ min: 1, max: 20 }),
    columns: fc.integer({ min: 1, max: 20 }),
    rank: fc.integer({ min: 1, max: 8 }),
    seed: fc.nat(1e6),
  })
  .map(({ rows, columns, rank, seed }) =>
    lowRank(randomMatrix(rows, rank, seed), randomMatrix(rank, columns, seed + 1)),
  );

test('canonical factors have the same product, and are orthogonal, of equal norms, descending, with positive largest elements', () =>
  fc.assert(
    fc.asyncProperty(anyProduct, async (product) => {
      const found = await canonicalFactors(product);
      expect(relativeError(productOf(found, product), productOf(product, product))).toBeLessThan(1e-6);
      const left = matrixOf(found.left, product.rows, product.rank);
      const right = transpose(matrixOf(found.right, product.rank, product.columns));
      const [one, other] = [times(transpose(left), left), times(transpose(right), right)];
      const largest = one.values[0]!;
      for (let j = 0; j < product.rank; j++) {
        const at = j * product.rank + j;
        expect(Math.abs(one.values[at]! - other.values[at]!) / largest).toBeLessThan(1e-6);
        if (j > 0) expect(one.values[at]!).toBeLessThanOrEqual(one.values[at - product.rank - 1]! + 1e-6 * largest);
        for (let i = 0; i < j; i++) {
          expect(Math.abs(one.values[j * product.rank + i]!) / largest).toBeLessThan(1e-6);
          expect(Math.abs(other.values[j * product.rank + i]!) / largest).toBeLessThan(1e-6);
        }
        const column = [...left.values.subarray(j * product.rows, (j + 1) * product.rows)];
        expect(Math.max(...column)).toBeGreaterThanOrEqual((1 - 1e-5) * -Math.min(...column));
      }
    }),
    { numRuns: 100 },
  ));

test.each([
  ['distinct', [5, 3, 1, 0.5]],
  ['equal', [2, 2, 2, 1]],
  ['all equal', [1, 1, 1, 1]],
  ['equal, of small rank', [3, 3, 0, 0]],
  ['zero', [0, 0, 0, 0]],
] as const)('%s singular values: the factors depend on the product alone', async (_, values) => {
  const shape = { rows: 30, columns: 20 };
  const first = await withSingularValues(values, shape, 1);
  const second = await withSingularValues(values, shape, 2);
  if (values[0] > 0) expect(difference(first, second)).toBeGreaterThan(0.1);
  const [one, other] = [await canonicalFactors(first), await canonicalFactors(second)];
  // Rounding of the given factors to float32, amplified by 1 / (gap between singular values).
  expect(difference(one, other)).toBeLessThan(1e-5);
  expect(await canonicalFactors(first)).toEqual(one);
  const rank = values.filter((value) => value > 0).length;
  const norms = [0, 1, 2, 3].map((row) => Math.hypot(...one.right.subarray(row * 20, (row + 1) * 20)));
  for (const [row, size] of norms.entries()) {
    if (row >= rank) expect(size).toBe(0);
    else expect(size).toBeCloseTo(Math.sqrt(values[row]!), 5);
  }
});

test('of equal elements the first decides on the sign', async () => {
  const left = new Float32Array([-1, 1, -1, 1]);
  const product = { rows: 4, columns: 2, rank: 1, scale: 1, left, right: new Float32Array([1, 3]) };
  const found = await canonicalFactors(product);
  expect(Math.sign(found.left[0]!)).toBe(1);
  expect(found).toEqual(
    await canonicalFactors({ ...product, left: left.map((x) => -x), right: new Float32Array([-1, -3]) }),
  );
});

test('the scale is in the factors', async () => {
  const product = lowRank(randomMatrix(6, 2, 1), randomMatrix(2, 5, 2));
  const [plain, doubled] = [await canonicalFactors(product), await canonicalFactors({ ...product, scale: 4 })];
  expect(
    difference(doubled, { left: plain.left.map((x) => 2 * x), right: plain.right.map((x) => 2 * x) }),
  ).toBeLessThan(1e-6);
});

test('aligned factors have the same product, and are the closest of all turned ones', () =>
  fc.assert(
    fc.asyncProperty(anyProduct, fc.nat(1e6), async (product, seed) => {
      const { rows, columns, rank } = product;
      const reference = {
        left: rowMajor(randomMatrix(rows, rank, seed)),
        right: rowMajor(randomMatrix(rank, columns, seed + 1)),
      };
      const found = await alignedFactors(product, reference);
      expect(relativeError(productOf(found, product), productOf(product, product))).toBeLessThan(1e-6);
      const squares = (factors: Factors) =>
        (['left', 'right'] as const).reduce(
          (sum, side) => factors[side].reduce((total, x, i) => total + (x - reference[side][i]!) ** 2, sum),
          0,
        );
      const turn = await orthonormal(rank, rank, seed + 2);
      expect(orthogonalityError(turn)).toBeLessThan(1e-12);
      const other = {
        left: rowMajor(times(matrixOf(found.left, rows, rank), turn)),
        right: rowMajor(times(transpose(turn), matrixOf(found.right, rank, columns))),
      };
      expect(squares(found)).toBeLessThanOrEqual(squares(other) * (1 + 1e-5));
    }),
    { numRuns: 100 },
  ));

test('aligned factors depend on the product alone, and are its own where the reference is balanced', async () => {
  const shape = { rows: 30, columns: 20 };
  const [first, second] = [
    await withSingularValues([5, 3, 3, 1], shape, 1),
    await withSingularValues([5, 3, 3, 1], shape, 2),
  ];
  const reference = { left: rowMajor(randomMatrix(30, 4, 5)), right: rowMajor(randomMatrix(4, 20, 6)) };
  expect(difference(await alignedFactors(first, reference), await alignedFactors(second, reference))).toBeLessThan(
    1e-5,
  );
  const own = await canonicalFactors(first);
  const turn = await orthonormal(4, 4, 7);
  const turned = {
    left: rowMajor(times(matrixOf(own.left, 30, 4), turn)),
    right: rowMajor(times(transpose(turn), matrixOf(own.right, 4, 20))),
  };
  expect(difference(await alignedFactors(second, turned), turned)).toBeLessThan(1e-5);
});

test('an abort stops the work', async () => {
  const product = lowRank(randomMatrix(6, 2, 1), randomMatrix(2, 5, 2));
  await expect(canonicalFactors(product, { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
});
