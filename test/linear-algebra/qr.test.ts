import fc from 'fast-check';
import { norm, QrFactors, timesTransposed, transpose, zeros } from '../../src/linear-algebra/index.js';
import { anyMatrix, copyOf, identity, orthogonalityError, randomMatrix, relativeError, times } from './matrices.js';

test('Q has orthonormal columns, R is triangular, and Q·R is the matrix, whatever its shape, rank and scale', () =>
  fc.assert(
    fc.asyncProperty(anyMatrix(), async (matrix) => {
      const factors = await QrFactors.of(copyOf(matrix));
      const { r } = factors;
      const q = await factors.timesQ(identity(r.rows));
      expect(orthogonalityError(q)).toBeLessThan(1e-14 * 24);
      for (let j = 0; j < r.columns; j++) for (let i = j + 1; i < r.rows; i++) expect(r.values[j * r.rows + i]).toBe(0);
      expect(relativeError(times(q, r), matrix)).toBeLessThan(1e-14);
    }),
  ));

test('Q times a matrix is the product with Q itself', async () => {
  const factors = await QrFactors.of(randomMatrix(30, 11, 1));
  const x = randomMatrix(11, 6, 2);
  const q = await factors.timesQ(identity(11));
  expect(relativeError(await factors.timesQ(x), times(q, x))).toBeLessThan(1e-14);
});

test('columns of very different sizes keep their accuracy', async () => {
  const matrix = randomMatrix(40, 5, 3);
  const sizes = [1e120, 1e-120, 1, 1e-30, 1e60];
  for (const [j, size] of sizes.entries()) for (let i = 0; i < 40; i++) matrix.values[j * 40 + i]! *= size;
  const factors = await QrFactors.of(copyOf(matrix));
  const product = await factors.timesQ(factors.r);
  for (const [j, size] of sizes.entries()) {
    const error = product.values.subarray(j * 40, (j + 1) * 40).map((value, i) => value - matrix.values[j * 40 + i]!);
    expect(norm(error) / size).toBeLessThan(1e-13);
  }
});

test('a matrix of zeros has an R of zeros', async () => {
  expect((await QrFactors.of(zeros(6, 3))).r.values).toEqual(new Float64Array(9));
});

test('an abort stops the factorisation', async () => {
  await expect(QrFactors.of(randomMatrix(50, 20, 4), { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
});

test('a product with a transposed matrix is the product by the definition', async () => {
  const [left, right] = [randomMatrix(7, 5, 1), randomMatrix(9, 5, 2)];
  expect(relativeError(await timesTransposed(left, right), times(left, transpose(right)))).toBeLessThan(1e-15);
});
