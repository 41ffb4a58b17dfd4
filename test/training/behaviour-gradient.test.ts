import { join } from 'node:path';
import { type AdapterLayout, ResidualStatistics } from '../../src/adapter/index.js';
import { reconstructAdapters, TrainerEngine } from '../../src/engine/index.js';
import { elementCount } from '../../src/formats/dtypes.js';
import { type EncodedExample, encodeExample, type LanguageModel, loadLanguageModel } from '../../src/language/index.js';
import { normal } from '../../src/random/normal.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { Behaviour } from '../../src/training/behaviour/index.js';
import { ADAMW } from '../engine/trainers.js';
import { writeTinyBase } from '../language/tiny-base.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { residualLayout } from './behaviour-workshop.js';

jest.setTimeout(300_000);

const temporary = useTemporaryFolder();

const BATCH = 3;
const CONDITION = [3, 4, 8] as const;
/** Of no width of the base a divisor: the last chunk of every tensor is short. */
const CHUNK = 20;
const ADAPTER = { rank: 2, alpha: 4, useRslora: false };

let model: LanguageModel;
let layout: AdapterLayout;
let engine: TrainerEngine;
let behaviour: Behaviour;
let sequences: EncodedExample[][];
let condition: Float32Array;
/** One for each task, where a test compares with them. */
let teachers: Float32Array[] | undefined;
let randomTeachers: () => Float32Array[];

beforeEach(async () => {
  const base = await writeTinyBase(join(temporary(), 'base'));
  model = await loadLanguageModel(base, { threads: 1 });
  const random = SplitMix64.seeded(3);
  const numbers = (length: number, deviation: number) =>
    Float32Array.from({ length }, () => deviation * normal(random));
  const plain = await residualLayout(base, CHUNK);
  const scales = numbers(plain.tokenCount, 0.2).map(Math.abs);
  scales[5] = 0;
  layout = plain.withResidual(new ResidualStatistics(numbers(plain.elementCount, 0.1), scales));
  engine = await TrainerEngine.create({
    ...{ features: [CONDITION, [6, 2, 12], [layout.tokenCount, layout.tokenHeight, layout.tokenWidth]] },
    ...{ kernelSize: 3, threads: 1, optimiser: { ...ADAMW, maxGradientNorm: 0 }, outputGradients: true },
  });
  await engine.initialise(5);
  const example = (prompt: string, response: string) => encodeExample(model, { prompt, response });
  // Tasks with other numbers of examples and of labelled tokens.
  sequences = [
    [example('Word 1?', 'a cat'), example('Which word comes next?', 'a red rose and a tulip')],
    [example('2 + 2', '4')],
    [example('a', 'jade'), example('Another?', 'b'), example('And one more of them, please?', 'stones')],
  ];
  const { modules } = layout;
  behaviour = new Behaviour({ model, layout, adapter: { ...ADAPTER, modules }, examples: new Map(), threads: 1 });
  condition = numbers(BATCH * elementCount([...CONDITION]), 1);
  teachers = undefined;
  randomTeachers = () => sequences.map(() => numbers(layout.elementCount, 0.2));
});

afterEach(() => {
  engine.dispose();
  behaviour.dispose();
});

/** Mean over the tasks of the mean loss of their labelled tokens. */
async function lossNow(): Promise<number> {
  const tokens = await engine.forward(condition, BATCH);
  const { sums } = await behaviour.gradient(tokens, sequences, { weight: 1, teachers });
  return sums.reduce((total, { sum, tokens }) => total + sum / tokens, 0) / BATCH;
}

async function accumulate(microBatch: number): Promise<Map<string, Float32Array>> {
  const size = condition.length / BATCH;
  for (let first = 0; first < BATCH; first += microBatch) {
    const own = condition.subarray(first * size, (first + microBatch) * size);
    const tokens = await engine.forward(own, microBatch);
    const last = first + microBatch;
    const { outputGradient } = await behaviour.gradient(tokens, sequences.slice(first, last), {
      weight: 1 / BATCH,
      teachers: teachers?.slice(first, last),
    });
    await engine.accumulate({ condition: own, outputGradient, batch: microBatch });
  }
  const gradients = engine.parameters.map(
    ({ name, shape }) => [name, engine.readGradient(name, 0, elementCount(shape))] as const,
  );
  engine.resetGradient();
  return new Map(gradients);
}

function write(name: string, values: Float32Array): void {
  engine.writeParameter(name, 0, new Uint8Array(values.buffer, values.byteOffset, values.byteLength), 'F32');
}

/** The derivative of the loss as all of these parameters move along their directions. */
async function centralDifference(directions: ReadonlyMap<string, Float32Array>, step: number): Promise<number> {
  const before = new Map(Array.from(directions, ([name, { length }]) => [name, engine.readParameter(name, 0, length)]));
  const at = async (distance: number) => {
    for (const [name, values] of before) {
      const direction = directions.get(name)!;
      write(
        name,
        values.map((value, index) => value + distance * direction[index]!),
      );
    }
    return lossNow();
  };
  const difference = ((await at(step)) - (await at(-step))) / (2 * step);
  for (const [name, values] of before) write(name, values);
  return difference;
}

function product(gradients: ReadonlyMap<string, Float32Array>, directions: ReadonlyMap<string, Float32Array>): number {
  let sum = 0;
  for (const [name, direction] of directions)
    for (const [index, value] of gradients.get(name)!.entries()) sum += value * direction[index]!;
  return sum;
}

/** Only shifts what the next layer's norm makes mean 0. */
const WITHOUT_EFFECT = 'decoder.module_list.0.linear2.bias';

describe.each<[string, () => Float32Array[] | undefined]>([
  ['the responses', () => undefined],
  ['the predictions with adapters of the tasks', () => randomTeachers()],
])('compared with %s,', (_, teach) => {
  beforeEach(() => {
    teachers = teach();
  });

  test('the gradient of every parameter is what differences of the loss say', async () => {
    await expectSlopes();
  });

  test('and so is that of all parameters together, along any direction', async () => {
    await expectSlopesTogether();
  });

  test('it is the same for micro-batches of one task and for the whole batch', async () => {
    const whole = await accumulate(BATCH);
    const parts = await accumulate(1);
    for (const [name, gradient] of whole) {
      const norm = Math.hypot(...gradient);
      const difference = Math.hypot(...gradient.map((value, index) => value - parts.get(name)![index]!));
      expect([name, difference <= 1e-5 * norm]).toEqual([name, true]);
    }
  });
});

async function expectSlopes(): Promise<void> {
  const gradients = await accumulate(BATCH);
  const random = SplitMix64.seeded(11);
  const ratios: [string, number][] = [];
  for (const [name, gradient] of gradients) {
    if (name === WITHOUT_EFFECT) continue;
    // Uphill, at another pace in each element.
    const direction = gradient.map((value) => Math.sign(value) * Math.abs(normal(random)));
    const directions = new Map([[name, direction]]);
    const expected = product(gradients, directions);
    ratios.push([name, (await centralDifference(directions, 2e-3 / expected)) / expected]);
  }
  expect(ratios).toHaveLength(17);
  expect(ratios.filter(([, ratio]) => !(Math.abs(ratio - 1) < 2e-3))).toEqual([]);
  expect(Math.hypot(...gradients.get(WITHOUT_EFFECT)!)).toBeLessThan(1e-6);
}

async function expectSlopesTogether(): Promise<void> {
  const gradients = await accumulate(BATCH);
  const random = SplitMix64.seeded(12);
  const norm = Math.sqrt(product(gradients, gradients));
  for (let time = 0; time < 4; time++) {
    const directions = new Map(
      Array.from(gradients, ([name, { length }]) => [name, Float32Array.from({ length }, () => normal(random))]),
    );
    // The derivative is a normal number times the gradient's norm.
    const error = (await centralDifference(directions, 1e-3)) - product(gradients, directions);
    expect(Math.abs(error)).toBeLessThan(2e-3 * norm);
  }
}

test('the loss of teachers is how far predictions are from theirs: none from its own', async () => {
  const tokens = await engine.forward(condition, BATCH);
  const own = await reconstructAdapters(tokens, BATCH, layout.flat(), { threads: 1 });
  const { sums, outputGradient } = await behaviour.gradient(tokens, sequences, { weight: 1, teachers: own });
  const responses = await behaviour.gradient(tokens, sequences, { weight: 1 });
  expect(sums.map(({ tokens }) => tokens)).toEqual(responses.sums.map(({ tokens }) => tokens));
  for (const { sum } of sums) expect(Math.abs(sum)).toBeLessThan(1e-12);
  expect(Math.hypot(...outputGradient)).toBeLessThan(1e-5 * Math.hypot(...responses.outputGradient));
});
