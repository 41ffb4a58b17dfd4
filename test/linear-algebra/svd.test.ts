import fc from 'fast-check';
import { type Matrix, singularValues, svd, transpose, zeros } from '../../src/linear-algebra/index.js';
import { anyMatrix, copyOf, orthogonalityError, randomMatrix, relativeError, times } from './matrices.js';

/** left · diag(values) · rightᵀ */
function product({ values, left, right }: { values: Float64Array; left: Matrix; right: Matrix }): Matrix {
  const scaled = { ...left, values: left.values.map((value, i) => value * values[Math.floor(i / left.rows)]!) };
  return times(scaled, transpose(right));
}

/** An orthogonal matrix that is not a plain one: I − 2·v·vᵀ / vᵀv. */
function reflection(size: number, seed: number): Matrix {
  const { values: v } = randomMatrix(size, 1, seed);
  const square = v.reduce((sum, value) => sum + value * value, 0);
  const result = zeros(size, size);
  for (let j = 0; j < size; j++)
    for (let i = 0; i < size; i++) result.values[j * size + i] = (i === j ? 1 : 0) - (2 * v[i]! * v[j]!) / square;
  return result;
}

function withSingularValues(known: readonly number[], rows: number, seed: number): Matrix {
  const middle = zeros(rows, known.length);
  for (const [i, value] of known.entries()) middle.values[i * rows + i] = value;
  return times(times(reflection(rows, seed), middle), reflection(known.length, seed + 1));
}

test('the vectors are orthonormal, the values descend, and the product is the matrix', () =>
  fc.assert(
    fc.asyncProperty(anyMatrix(), async (matrix) => {
      const before = copyOf(matrix);
      const found = await svd(matrix);
      expect(matrix).toEqual(before);
      const { values, left, right } = found;
      expect(values).toHaveLength(Math.min(matrix.rows, matrix.columns));
      expect([...values]).toEqual([...values].sort((a, b) => b - a));
      expect(relativeError(product(found), matrix)).toBeLessThan(1e-13);
      const rank = values.filter((value) => value > 0).length;
      for (const side of [left, right]) {
        const used = { ...side, columns: rank, values: side.values.subarray(0, rank * side.rows) };
        expect(orthogonalityError(used)).toBeLessThan(1e-12);
      }
      expect(
        relativeError(
          { rows: 1, columns: values.length, values },
          {
            rows: 1,
            columns: values.length,
            values: await singularValues(matrix),
          },
        ),
      ).toBeLessThan(1e-13);
    }),
  ));

test('known singular values are found, also those of a small share', async () => {
  const known = [5, 3, 3, 1, 1e-3, 1e-6, 1e-9];
  for (const rows of [7, 20]) {
    const matrix = withSingularValues(known, rows, rows);
    for (const each of [matrix, transpose(matrix)]) {
      const values = await singularValues(each);
      for (const [i, value] of known.entries()) expect(Math.abs(values[i]! - value)).toBeLessThan(2e-15 * 5);
    }
  }
});

test('what is left of rounding is a singular value of exactly 0', async () => {
  const values = await singularValues(withSingularValues([2, 1, 0, 0], 9, 1));
  expect([...values.slice(2)]).toEqual([0, 0]);
  expect([...(await singularValues(zeros(3, 5)))]).toEqual([0, 0, 0]);
});

test('a matrix of 150 columns converges', async () => {
  const matrix = randomMatrix(150, 150, 8);
  expect(relativeError(product(await svd(matrix)), matrix)).toBeLessThan(1e-13);
});

test('an abort stops the rotations', async () => {
  await expect(svd(randomMatrix(20, 20, 4), { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
});
