import { TrainerEngine } from '../../src/engine/index.js';
import { elementCount } from '../../src/formats/dtypes.js';
import { Basis } from '../../src/generator/basis.js';
import { normal } from '../../src/random/normal.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { BasisDecoder } from '../../src/training/basis-decoder.js';
import { ADAMW } from '../engine/trainers.js';

const BATCH = 2;
const COUNT = 5;
const SIZE = 3000;
const CONDITION = [3, 4, 8] as const;

let engine: TrainerEngine;
let decoder: BasisDecoder;
let condition: Float32Array;
/** Of the loss Σ slopes · tokens + ½ Σ tokens². */
let slopes: Float32Array;
let random: SplitMix64;

const numbers = (length: number) => Float32Array.from({ length }, () => normal(random));

beforeEach(async () => {
  random = SplitMix64.seeded(5);
  const basis = await Basis.from(numbers(COUNT * SIZE), COUNT);
  engine = await TrainerEngine.create({
    ...{ features: [CONDITION, [6, 2, 12], [COUNT, 1, 1]], kernelSize: 3, threads: 1 },
    ...{ optimiser: { ...ADAMW, maxGradientNorm: 0 }, outputGradients: true },
  });
  await engine.initialise(3);
  decoder = new BasisDecoder(engine, basis);
  condition = numbers(BATCH * elementCount([...CONDITION]));
  slopes = numbers(BATCH * SIZE);
});

afterEach(() => engine.dispose());

const gradients = () =>
  new Map(engine.parameters.map(({ name, shape }) => [name, engine.readGradient(name, 0, elementCount(shape))]));

async function lossNow(): Promise<number> {
  const tokens = await decoder.forward(condition, BATCH);
  return tokens.reduce((sum, value, e) => sum + slopes[e]! * value + value ** 2 / 2, 0);
}

/** The derivative of the loss as all parameters move along their directions. */
async function centralDifference(directions: ReadonlyMap<string, Float32Array>, step: number): Promise<number> {
  const before = new Map(Array.from(directions, ([name, { length }]) => [name, engine.readParameter(name, 0, length)]));
  const at = async (distance: number) => {
    for (const [name, values] of before) {
      const moved = values.map((value, index) => value + distance * directions.get(name)![index]!);
      engine.writeParameter(name, 0, new Uint8Array(moved.buffer), 'F32');
    }
    return lossNow();
  };
  const difference = ((await at(step)) - (await at(-step))) / (2 * step);
  await at(0);
  return difference;
}

test('the gradient of a loss on weight tokens is what differences of the loss say', async () => {
  const tokens = await decoder.forward(condition, BATCH);
  expect(tokens).toHaveLength(BATCH * SIZE);
  const outputGradient = tokens.map((value, e) => slopes[e]! + value);
  await decoder.accumulate({ condition, outputGradient, batch: BATCH });
  const found = gradients();
  const norm = Math.hypot(...Array.from(found.values(), (values) => Math.hypot(...values)));
  for (let time = 0; time < 4; time++) {
    const directions = new Map(Array.from(found, ([name, { length }]) => [name, numbers(length)]));
    let expected = 0;
    for (const [name, direction] of directions)
      expected += direction.reduce((sum, value, i) => sum + value * found.get(name)![i]!, 0);
    expect(Math.abs((await centralDifference(directions, 1e-3)) - expected)).toBeLessThan(2e-3 * norm);
  }
});

test('the token loss is the squared error of tokens within the basis, in units of the mean square of its directions', async () => {
  const target = numbers(BATCH * COUNT);
  const { basis } = decoder;
  const sums = await decoder.accumulate({ condition, target, batch: BATCH });
  const [generated, coefficients] = [await decoder.forward(condition, BATCH), await engine.forward(condition, BATCH)];
  const mean = basis.squares.reduce((sum, square) => sum + square, 0) / COUNT;
  for (const [task, { weightedSquares, valid, targetSquares }] of sums.entries()) {
    let expected = 0;
    let squares = 0;
    for (let i = 0; i < COUNT; i++) {
      const wanted = target[task * COUNT + i]!;
      expected += (basis.squares[i]! / mean) * (coefficients[task * COUNT + i]! - wanted) ** 2;
      squares += wanted ** 2;
    }
    expect([valid, weightedSquares / expected, targetSquares / squares]).toEqual([
      COUNT,
      expect.closeTo(1, 4),
      expect.closeTo(1, 4),
    ]);
  }
  expect(generated).toEqual(await basis.tokens(coefficients, BATCH));
});
