import { Basis } from '../../src/generator/basis.js';
import { roundDirections } from '../../src/generator/basis-file.js';
import { normal } from '../../src/random/normal.js';
import { SplitMix64 } from '../../src/random/split-mix.js';

/** More than one strip, and not a whole number of them. */
const SIZE = 5003;
const COUNT = 5;
const BATCH = 3;

const random = SplitMix64.seeded(1);
const numbers = (length: number) => Float32Array.from({ length }, () => normal(random));
const product = (one: Float32Array, other: Float32Array) => one.reduce((sum, value, i) => sum + value * other[i]!, 0);

/** Orthogonal directions of other lengths; the last element of each is that of a place that no chunk fills. */
function orthogonal(): Float32Array {
  const directions = numbers(COUNT * SIZE);
  const row = (i: number) => directions.subarray(i * SIZE, (i + 1) * SIZE);
  for (let i = 0; i < COUNT; i++) {
    row(i)[SIZE - 1] = 0;
    for (let j = 0; j < i; j++) {
      const factor = product(row(i), row(j)) / product(row(j), row(j));
      for (let e = 0; e < SIZE; e++) row(i)[e]! -= factor * row(j)[e]!;
    }
    for (let e = 0; e < SIZE; e++) row(i)[e]! *= 1 / (i + 1);
  }
  return directions;
}

describe('a basis', () => {
  const directions = orthogonal();

  test('makes weight tokens of coefficients, and finds the coefficients again', async () => {
    const basis = await Basis.from(directions, COUNT);
    const coefficients = numbers(BATCH * COUNT);
    const tokens = await basis.tokens(coefficients, BATCH);
    expect(tokens).toHaveLength(BATCH * SIZE);
    for (const [task, element] of [
      [0, 0],
      [1, 2048],
      [2, SIZE - 2],
    ] as const) {
      let expected = 0;
      for (let i = 0; i < COUNT; i++) expected += coefficients[task * COUNT + i]! * directions[i * SIZE + element]!;
      expect(tokens[task * SIZE + element]).toBeCloseTo(expected, 5);
    }
    const one = tokens.slice(SIZE, 2 * SIZE);
    // As checkpoints have it.
    one[SIZE - 1] = Number.NaN;
    const found = await basis.coefficients(one);
    for (let i = 0; i < COUNT; i++) expect(found[i]).toBeCloseTo(coefficients[COUNT + i]!, 4);
  });

  test('finds the closest coefficients of tokens outside of it: what is left is orthogonal to every direction', async () => {
    const basis = await Basis.from(directions, COUNT);
    const tokens = numbers(SIZE);
    tokens[SIZE - 1] = 0;
    const within = await basis.tokens(await basis.coefficients(tokens), 1);
    const rest = tokens.map((value, e) => value - within[e]!);
    for (let i = 0; i < COUNT; i++) {
      const direction = directions.subarray(i * SIZE, (i + 1) * SIZE);
      expect(Math.abs(product(rest, direction))).toBeLessThan(1e-3 * Math.sqrt(product(direction, direction)));
    }
  });

  test('takes gradients of tokens to those of coefficients: what differences say', async () => {
    const basis = await Basis.from(directions, COUNT);
    const slopes = numbers(BATCH * SIZE);
    const coefficients = numbers(BATCH * COUNT);
    const loss = async (values: Float32Array) => product(await basis.tokens(values, BATCH), slopes);
    const gradient = await basis.products(slopes, BATCH);
    for (let place = 0; place < BATCH * COUNT; place++) {
      const moved = (by: number) => coefficients.map((value, i) => (i === place ? value + by : value));
      const difference = ((await loss(moved(0.5))) - (await loss(moved(-0.5)))) / 1;
      expect(Math.abs(difference - gradient[place]!)).toBeLessThan(1e-4 * Math.hypot(...gradient));
    }
  });

  test('passes gradients that are not finite on', async () => {
    const basis = await Basis.from(directions, COUNT);
    const gradient = await basis.products(new Float32Array(SIZE).fill(Number.NaN), 1);
    expect([...gradient]).toEqual(Array(COUNT).fill(Number.NaN));
  });

  test('weighs differences of coefficients as differences of tokens', async () => {
    const basis = await Basis.from(directions, COUNT);
    const { importance } = basis;
    expect(importance.reduce((sum, value) => sum + value, 0)).toBeCloseTo(COUNT, 5);
    const [one, other] = [numbers(COUNT), numbers(COUNT)];
    const [left, right] = [await basis.tokens(one, 1), await basis.tokens(other, 1)];
    const ofTokens = left.reduce((sum, value, e) => sum + (value - right[e]!) ** 2, 0);
    const ofCoefficients = one.reduce((sum, value, i) => sum + importance[i]! * (value - other[i]!) ** 2, 0);
    const mean = basis.squares.reduce((sum, square) => sum + square, 0) / COUNT;
    expect(ofTokens / (mean * ofCoefficients)).toBeCloseTo(1, 5);
  });

  test('is stopped by its signal', async () => {
    const basis = await Basis.from(directions, COUNT);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(basis.tokens(numbers(COUNT), 1, signal)).rejects.toThrow('enough');
    await expect(basis.coefficients(numbers(SIZE), signal)).rejects.toThrow('enough');
    await expect(Basis.from(directions, COUNT, { signal })).rejects.toThrow('enough');
  });

  test.each([
    ['NaN', Number.NaN, /invalid directions; expected finite numbers, got NaN at 5010/],
    ['infinity', Infinity, /got Infinity at 5010/],
  ])('of %s is refused', async (_what, value, message) => {
    const wrong = directions.slice();
    wrong[5010] = value;
    await expect(Basis.from(wrong, COUNT)).rejects.toMatchObject({
      code: 'INVALID_WEIGHTS',
      message: expect.stringMatching(message),
    });
  });

  test('with a direction of zeros is refused', async () => {
    const wrong = directions.slice();
    wrong.fill(0, 2 * SIZE, 3 * SIZE);
    await expect(Basis.from(wrong, COUNT)).rejects.toMatchObject({
      code: 'INVALID_WEIGHTS',
      message: expect.stringContaining('direction 2 is zero everywhere'),
    });
  });
});

test('rounded directions are halves, and rounding them again changes nothing', async () => {
  const directions = Float32Array.of(1 + 2 ** -12, 3, -0.1, 2 ** -24, 1e-9);
  await roundDirections(directions);
  expect([...directions]).toEqual([1, 3, -0.0999755859375, 2 ** -24, 0]);
  const again = directions.slice();
  await roundDirections(again);
  expect(again).toEqual(directions);
});
