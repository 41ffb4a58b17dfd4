import fc from 'fast-check';
import { type Matrix, symmetricEigen, timesTransposed, transpose, zeros } from '../../src/linear-algebra/index.js';
import { abortedAfterTicks } from '../encoder/event-loop.js';
import { copyOf, orthogonalityError, randomMatrix, relativeError, times } from './matrices.js';

/** A + Aᵀ */
function symmetric(size: number, seed: number): Matrix {
  const half = randomMatrix(size, size, seed);
  const other = transpose(half);
  return { ...half, values: half.values.map((value, i) => value + other.values[i]!) };
}

async function expectDecomposed(matrix: Matrix): Promise<Float64Array> {
  const before = copyOf(matrix);
  const { values, vectors } = await symmetricEigen(matrix);
  expect(matrix).toEqual(before);
  expect([...values]).toEqual([...values].sort((a, b) => b - a));
  expect(orthogonalityError(vectors)).toBeLessThan(1e-12);
  const scaled = {
    ...vectors,
    values: vectors.values.map((value, i) => value * values[Math.floor(i / vectors.rows)]!),
  };
  expect(relativeError(times(scaled, transpose(vectors)), matrix)).toBeLessThan(1e-13);
  return values;
}

test('the vectors are orthonormal, the values descend, and the product is the matrix', () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 24 }), fc.nat(1e6), async (size, seed) => {
      await expectDecomposed(symmetric(size, seed));
    }),
  ));

test('a matrix of low rank has as many eigenvalues above rounding errors', async () => {
  const factor = randomMatrix(40, 7, 5);
  const values = await expectDecomposed(await timesTransposed(factor, factor));
  for (const [i, value] of values.entries()) expect(Math.abs(value) > 1e-12 * values[0]!).toBe(i < 7);
});

test('known values, repeated and negative ones among them, and graded ones', async () => {
  // I − 2·v·vᵀ / vᵀv has the eigenvalue −1 once and 1 otherwise.
  const { values: v } = randomMatrix(12, 1, 9);
  const square = v.reduce((sum, value) => sum + value * value, 0);
  const reflection = zeros(12, 12);
  for (let j = 0; j < 12; j++)
    for (let i = 0; i < 12; i++) reflection.values[j * 12 + i] = (i === j ? 1 : 0) - (2 * v[i]! * v[j]!) / square;
  const found = await expectDecomposed(reflection);
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(i < 11 ? 1 : -1, 13);
  const graded = zeros(5, 5);
  for (let i = 0; i < 5; i++) graded.values[i * 5 + i] = 10 ** (-3 * i);
  expect([...(await expectDecomposed(graded))]).toEqual([1, 1e-3, 1e-6, 1e-9, 1e-12]);
});

test('zeros, and one element', async () => {
  const { values, vectors } = await symmetricEigen(zeros(3, 3));
  expect([...values]).toEqual([0, 0, 0]);
  expect(orthogonalityError(vectors)).toBe(0);
  expect((await symmetricEigen({ rows: 1, columns: 1, values: Float64Array.of(-4) })).values).toEqual(
    Float64Array.of(-4),
  );
});

test('it stops when it is aborted', async () => {
  const { signal, reason } = abortedAfterTicks(2);
  await expect(symmetricEigen(symmetric(300, 1), { signal })).rejects.toBe(reason);
});
