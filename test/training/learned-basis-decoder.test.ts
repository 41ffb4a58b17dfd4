import { TrainerEngine } from '../../src/engine/index.js';
import { normal } from '../../src/random/normal.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { LearnedBasisDecoder } from '../../src/training/learned-basis.js';
import { ADAMW } from '../engine/trainers.js';

const [BATCH, COUNT, SIZE] = [2, 3, 500];
const DECODER = {
  features: [[3, 4, 8] as const, [6, 2, 12] as const, [COUNT, 1, 1] as const],
  kernelSize: 3,
  projectedFrom: 0,
};
const random = SplitMix64.seeded(5);
const numbers = (length: number) => Float32Array.from({ length }, () => normal(random));
const condition = numbers(BATCH * 3 * 4 * 8);
/** Of the loss Σ slopes · tokens + ½ Σ tokens². */
const slopes = numbers(BATCH * SIZE);

let engine: TrainerEngine;
let learned: LearnedBasisDecoder;

async function make(optimiser: Partial<typeof ADAMW> & { maxGradientNorm: number }): Promise<void> {
  const settings = { ...ADAMW, seed: 3, startDeviation: 0.5, ...optimiser };
  engine = await TrainerEngine.create({ ...DECODER, threads: 1, optimiser: settings, outputGradients: true });
  learned = await LearnedBasisDecoder.create({ engine, decoder: DECODER, count: COUNT, size: SIZE, settings });
  await learned.initialise(3);
  await learned.spread(await learned.coefficients(condition, BATCH));
}

afterEach(() => engine.dispose());

async function lossNow(): Promise<number> {
  const tokens = await learned.forward(condition, BATCH);
  return tokens.reduce((sum, value, e) => sum + slopes[e]! * value + value ** 2 / 2, 0);
}

async function accumulate(): Promise<void> {
  const tokens = await learned.forward(condition, BATCH);
  const outputGradient = tokens.map((value, e) => value + slopes[e]!);
  await learned.accumulate({
    ...{ condition, outputGradient, batch: BATCH, weight: 1 },
    target: null,
    importance: null,
  });
}

/** The derivative of the loss by an element of the directions. */
async function slopeAt(element: number): Promise<number> {
  const { directions } = learned.basis;
  const before = directions[element]!;
  const at = async (value: number) => {
    directions[element] = value;
    return lossNow();
  };
  const difference = (await at(before + 0.5)) - (await at(before - 0.5));
  directions[element] = before;
  return difference;
}

const ELEMENTS = [0, 77, SIZE - 1, SIZE, 2 * SIZE + 13, COUNT * SIZE - 1];

test('untrained, weight tokens have the deviation that they are to start with', async () => {
  await make({ maxGradientNorm: 0 });
  const tokens = await learned.forward(condition, BATCH);
  const deviation = Math.sqrt(tokens.reduce((sum, value) => sum + value * value, 0) / tokens.length);
  expect(deviation / 0.5).toBeGreaterThan(0.5);
  expect(deviation / 0.5).toBeLessThan(2);
});

test('untrained, each coefficient has the same mean and deviation over the tasks that it was spread by', async () => {
  await make({ maxGradientNorm: 0 });
  const tasks = 12;
  const conditions = numbers(tasks * 3 * 4 * 8);
  await learned.initialise(3);
  const before = await learned.coefficients(conditions, tasks);
  await learned.spread(before);
  const after = await learned.coefficients(conditions, tasks);
  for (let i = 0; i < COUNT; i++) {
    const own = after.map((coefficients) => coefficients[i]!);
    const mean = own.reduce((sum, value) => sum + value, 0) / tasks;
    const deviation = Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / tasks);
    expect(mean).toBeCloseTo(1 / COUNT, 5);
    expect(deviation).toBeCloseTo(1 / COUNT, 5);
  }
});

test('directions go down the slope of the loss, over micro-batches together', async () => {
  // Beside so large an eps the moments do not count: an update is the gradient times learning rate / eps.
  await make({ eps: 1e8, weightDecay: 0, maxGradientNorm: 0 });
  const slopesThere = [];
  for (const element of ELEMENTS) slopesThere.push(await slopeAt(element));
  await accumulate();
  await accumulate();
  const before = learned.basis.directions.slice();
  await learned.update(1e6);
  for (const [index, element] of ELEMENTS.entries()) {
    const moved = (before[element]! - learned.basis.directions[element]!) * 100;
    expect(moved / (2 * slopesThere[index]!)).toBeCloseTo(1, 2);
  }
});

test('the gradient is clipped to a norm', async () => {
  await make({ eps: 1e8, weightDecay: 0, maxGradientNorm: 0.25 });
  await accumulate();
  const before = learned.basis.directions.slice();
  await learned.update(1e8);
  const moved = Math.sqrt(learned.basis.directions.reduce((sum, value, i) => sum + (value - before[i]!) ** 2, 0));
  expect(moved).toBeCloseTo(0.25, 3);
});

test('weight decay shortens directions, whatever the gradient', async () => {
  await make({ eps: 1e30, weightDecay: 0.5, maxGradientNorm: 0 });
  await accumulate();
  const before = learned.basis.directions.slice();
  await learned.update(0.1);
  for (const element of ELEMENTS) expect(learned.basis.directions[element]! / before[element]!).toBeCloseTo(0.95, 5);
});

test('a gradient that is not finite changes nothing', async () => {
  await make({ maxGradientNorm: 1 });
  await learned.forward(condition, BATCH);
  const outputGradient = slopes.slice();
  outputGradient[SIZE - 1] = Number.POSITIVE_INFINITY;
  await learned.accumulate({
    ...{ condition, outputGradient, batch: BATCH, weight: 1 },
    target: null,
    importance: null,
  });
  const before = learned.basis.directions.slice();
  const parameters = engine.parameters.map(({ name }) => engine.readParameter(name, 0, 1)[0]);
  expect(Number.isFinite(await learned.update(0.1))).toBe(false);
  expect(learned.basis.directions).toEqual(before);
  expect(engine.parameters.map(({ name }) => engine.readParameter(name, 0, 1)[0])).toEqual(parameters);
  learned.resetGradient();
  await accumulate();
  expect(await learned.update(0.1)).toBeGreaterThan(0);
});

test('gradients of another condition than the last are refused', async () => {
  await make({ maxGradientNorm: 0 });
  await learned.forward(condition.slice(), BATCH);
  const tasks = { condition, outputGradient: slopes, batch: BATCH, weight: 1, target: null, importance: null };
  await expect(learned.accumulate(tasks)).rejects.toThrow('of its last forward pass only');
});
