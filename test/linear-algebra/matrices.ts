import fc from 'fast-check';
import { dot, type Matrix, norm, transpose, zeros } from '../../src/linear-algebra/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';

export function randomMatrix(rows: number, columns: number, seed: number): Matrix {
  const random = SplitMix64.seeded(seed);
  return { rows, columns, values: Float64Array.from({ length: rows * columns }, () => random.below(2001) / 1000 - 1) };
}

/** Of any shape up to `most`, any rank, and any scale. */
export const anyMatrix = (most = 24): fc.Arbitrary<Matrix> =>
  fc
    .record({
      rows: fc.integer({ min: 1, max: most }),
      columns: fc.integer({ min: 1, max: most }),
      rank: fc.integer({ min: 0, max: most }),
      exponent: fc.integer({ min: -100, max: 100 }),
      seed: fc.nat(),
    })
    .map(({ rows, columns, rank, exponent, seed }) => {
      const full = times(randomMatrix(rows, rank, seed), randomMatrix(rank, columns, seed + 1));
      return { ...full, values: full.values.map((value) => value * 10 ** exponent) };
    });

export const copyOf = (matrix: Matrix): Matrix => ({ ...matrix, values: matrix.values.slice() });
/** left · right, by the definition. */
export function times(left: Matrix, right: Matrix): Matrix {
  const result = zeros(left.rows, right.columns);
  for (let j = 0; j < right.columns; j++)
    for (let k = 0; k < left.columns; k++)
      for (let i = 0; i < left.rows; i++)
        result.values[j * left.rows + i]! += left.values[k * left.rows + i]! * right.values[j * right.rows + k]!;
  return result;
}

export function identity(size: number): Matrix {
  const result = zeros(size, size);
  for (let i = 0; i < size; i++) result.values[i * size + i] = 1;
  return result;
}

/** ‖a − b‖ / ‖b‖; of zeros, ‖a‖. */
export function relativeError(a: Matrix, b: Matrix): number {
  expect([a.rows, a.columns]).toEqual([b.rows, b.columns]);
  return norm(a.values.map((value, i) => value - b.values[i]!)) / (norm(b.values) || 1);
}

/** ‖QᵀQ − I‖ */
export function orthogonalityError(q: Matrix): number {
  const product = times(transpose(q), q);
  const difference = product.values.map((value, i) => value - (i % (q.columns + 1) === 0 ? 1 : 0));
  return Math.sqrt(dot(difference, difference));
}
