import fc from 'fast-check';
import {
  effectiveRank,
  type LowRank,
  type Matrix,
  norm,
  SharedBases,
  singularValues,
  transpose,
} from '../../src/linear-algebra/index.js';
import { randomMatrix, relativeError } from './matrices.js';

const lowRank = (rows: number, columns: number, rank: number, scale: number, seed: number): LowRank => ({
  rows,
  columns,
  rank,
  scale,
  left: new Float32Array(randomMatrix(rows, rank, seed).values),
  right: new Float32Array(randomMatrix(rank, columns, seed + 1).values),
});

/** The product itself, element by element. */
function dense({ rows, columns, rank, scale, left, right }: LowRank): Matrix {
  const values = new Float64Array(rows * columns);
  for (let j = 0; j < columns; j++)
    for (let i = 0; i < rows; i++)
      for (let k = 0; k < rank; k++) values[j * rows + i]! += scale * left[i * rank + k]! * right[k * columns + j]!;
  return { rows, columns, values };
}

const anyProducts = fc
  .record({
    rows: fc.integer({ min: 1, max: 20 }),
    columns: fc.integer({ min: 1, max: 20 }),
    ranks: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 }),
    seed: fc.nat(1e6),
  })
  .map(({ rows, columns, ranks, seed }) => ranks.map((rank, i) => lowRank(rows, columns, rank, i - 1.5, seed + 2 * i)));

test('every product is its core between the shared bases, and has its singular values', () =>
  fc.assert(
    fc.asyncProperty(anyProducts, async (products) => {
      const bases = await SharedBases.of(products);
      for (const [i, core] of bases.cores.entries()) {
        const whole = dense(products[i]!);
        const halfway = transpose(await bases.timesLeft(core));
        const rebuilt = transpose(await bases.timesRight(halfway));
        expect(relativeError(rebuilt, whole)).toBeLessThan(1e-13);
        expect(norm(core.values)).toBeCloseTo(norm(whole.values), 10);
        const expected = await singularValues(whole);
        const found = await bases.singularValues(i);
        for (const [k, value] of expected.entries()) expect(found[k] ?? 0).toBeCloseTo(value, 10);
      }
    }),
    { numRuns: 50 },
  ));

test('the distance of two products is that of their cores, however close they are', async () => {
  const one = lowRank(30, 20, 4, 1, 1);
  const other = { ...one, left: one.left.slice() };
  other.left[5]! += 2 ** -20;
  const [first, second, same] = (await SharedBases.of([one, other, one])).cores;
  const difference = (a: Matrix, b: Matrix) => norm(a.values.map((value, i) => value - b.values[i]!));
  const exact = difference(dense(one), dense(other));
  expect(difference(first!, second!) / exact).toBeCloseTo(1, 8);
  expect(difference(first!, same!)).toBeLessThan(1e-14 * norm(first!.values));
});

test('the effective rank counts equal directions fully, small ones less, and zeros not', () => {
  expect(effectiveRank(Float64Array.of(2, 2, 2, 0))).toBeCloseTo(3, 12);
  expect(effectiveRank(Float64Array.of(7, 0))).toBe(1);
  expect(effectiveRank(new Float64Array(3))).toBe(0);
  // exp(−¾·ln ¾ − ¼·ln ¼)
  expect(effectiveRank(Float64Array.of(3, 1))).toBeCloseTo(1.754765, 6);
});
