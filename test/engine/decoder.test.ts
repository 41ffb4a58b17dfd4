import { DecoderEngine, type Feature } from '../../src/engine/index.js';
import { conditionOf, createDecoder, numbers, SMALL, sizeOf } from './decoders.js';
import { hyperconvolutionLayer, tensorOf, valuesOf } from './hyperconvolution.js';

jest.setTimeout(300_000); // the machine may be slow and shared

const engines: DecoderEngine[] = [];
afterEach(() => {
  for (const engine of engines.splice(0)) engine.dispose();
});

async function decoder(features: Feature[], options?: { threads?: number; kernelSize?: number }) {
  const engine = await createDecoder(features, options);
  engines.push(engine);
  return engine;
}

const elements = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

function parametersOf(engine: DecoderEngine): Map<string, Float32Array> {
  return new Map(engine.parameters.map(({ name, shape }) => [name, engine.readParameter(name, 0, elements(shape))]));
}

/** Parameters as training leaves them: nothing is 0 or 1 throughout. */
function disturb(engine: DecoderEngine): void {
  engine.parameters.forEach(({ name, shape }, index) => {
    const values = numbers(elements(shape), index + 1).map((value) => value * 0.4 + 0.1);
    engine.writeParameter(name, 0, new Uint8Array(values.buffer), 'F32');
  });
}

function relativeError(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let difference = 0;
  let size = 0;
  for (let i = 0; i < wanted.length; i++) {
    difference += (found[i]! - wanted[i]!) ** 2;
    size += wanted[i]! ** 2;
  }
  return Math.sqrt(difference / size);
}

describe('forward', () => {
  test.each<[string, Feature[], number]>([
    [
      'a layer that changes the shape',
      [
        [3, 4, 5],
        [4, 6, 2],
      ],
      3,
    ],
    [
      'a layer with a residual',
      [
        [3, 4, 5],
        [3, 4, 5],
      ],
      3,
    ],
    [
      'three layers and a kernel wider than the picture',
      [
        [2, 3, 4],
        [5, 3, 4],
        [5, 3, 4],
        [4, 2, 6],
      ],
      5,
    ],
  ])('computes %s as its definition does', async (_what, features, kernelSize) => {
    const engine = await decoder(features, { kernelSize });
    disturb(engine);
    const batch = 2;
    const condition = numbers(batch * sizeOf(features[0]!), 9);
    const tokens = await engine.forward(condition, batch);

    const parameters = parametersOf(engine);
    const wanted: number[] = [];
    for (let task = 0; task < batch; task++) {
      let x = tensorOf(features[0]!, condition, task * sizeOf(features[0]!));
      features.slice(1).forEach((to, layer) => {
        x = hyperconvolutionLayer(x, to, kernelSize, layer, parameters);
      });
      wanted.push(...valuesOf(x));
    }
    expect(tokens).toHaveLength(batch * sizeOf(features.at(-1)!));
    expect(relativeError(tokens, wanted)).toBeLessThan(1e-5);
  });

  test('gives the same bytes for any number of threads', async () => {
    const features: Feature[] = [
      [16, 24, 32],
      [24, 24, 32],
      [24, 24, 32],
      [40, 10, 26],
    ];
    const results: Float32Array[] = [];
    for (const threads of [1, 2, 3]) {
      const engine = await decoder(features, { threads, kernelSize: 5 });
      results.push(await engine.forward(conditionOf(engine, 2), 2));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test('reads a condition that is part of a larger buffer', async () => {
    const engine = await decoder(SMALL);
    const condition = conditionOf(engine);
    const larger = new Float32Array(condition.length + 8);
    larger.set(condition, 3);
    expect(await engine.forward(larger.subarray(3, 3 + condition.length), 1)).toEqual(
      await engine.forward(condition, 1),
    );
  });

  test.each([
    ['a condition that is too short', 59, 1, /condition: expected 240 bytes, float32 \[1, 3, 4, 5\], got 236 bytes/],
    ['a condition for another batch', 60, 2, /condition: expected 480 bytes, float32 \[2, 3, 4, 5\], got 240 bytes/],
    ['a batch of nothing', 60, 0, /batch: expected a whole number ≥ 1, got 0/],
    ['a batch beyond all memory', 60, 2 ** 52, /./],
  ])('refuses %s', async (_what, length, batch, message) => {
    const engine = await decoder(SMALL);
    const code = batch > 2 ** 32 ? expect.stringMatching(/INVALID_ARGUMENT|OUT_OF_MEMORY/) : 'INVALID_ARGUMENT';
    await expect(engine.forward(new Float32Array(length), batch)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  test('refuses memory that other threads may change', async () => {
    const engine = await decoder(SMALL);
    await expect(engine.forward(new Float32Array(new SharedArrayBuffer(240)), 1)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('shared between threads'),
    });
  });
});

describe('the length projection', () => {
  const features: Feature[] = [
    [2, 3, 4],
    [3, 3, 4],
  ];
  const create = async () => {
    const engine = await DecoderEngine.create({ features, kernelSize: 3, projectedFrom: 5 });
    engines.push(engine);
    disturb(engine);
    return engine;
  };

  test('reads [N, L, C] as [N, C, L] and passes it through two linear layers', async () => {
    const engine = await create();
    const condition = numbers(2 * 5 * 4, 3);
    const parameters = parametersOf(engine);
    const [down, gate] = ['down_proj', 'gate_proj'].map((layer) => {
      const named = [...parameters].filter(([name]) => name.includes(layer));
      const [weight, bias] = ['weight', 'bias'].map((part) => named.find(([name]) => name.endsWith(part))![1]);
      return (row: number[]) =>
        [...bias!].map((start, out) =>
          row.reduce((sum, value, i) => sum + value * weight![out * row.length + i]!, start),
        );
    });
    const wanted = Array.from({ length: 8 }, (_, row) => gate!(down!([...condition.subarray(row * 5, row * 5 + 5)])));
    expect(relativeError(await engine.project(condition, 1), wanted.flat())).toBeLessThan(1e-5);
  });

  test('comes first in forward', async () => {
    const engine = await create();
    const plain = await DecoderEngine.create({ features, kernelSize: 3 });
    engines.push(plain);
    for (const { name, shape } of plain.parameters) {
      plain.writeParameter(name, 0, new Uint8Array(engine.readParameter(name, 0, elements(shape)).buffer), 'F32');
    }
    const condition = numbers(2 * 5 * 4, 3);
    expect(await engine.forward(condition, 1)).toEqual(await plain.forward(await engine.project(condition, 1), 1));
  });

  test('is refused by a decoder that has none', async () => {
    const engine = await decoder(SMALL);
    await expect(engine.project(conditionOf(engine), 1)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('initialise', () => {
  test('draws the same numbers for the same seed and any number of threads', async () => {
    const [one, three, other] = [
      await decoder(SMALL, { threads: 1 }),
      await decoder(SMALL, { threads: 3 }),
      await decoder(SMALL),
    ];
    await other.initialise(2 ** 53 - 1);
    expect(parametersOf(three)).toEqual(parametersOf(one));
    expect(parametersOf(other)).not.toEqual(parametersOf(one));
  });

  test('draws convolution weights from ±1/√(channels · k²) and starts norms at 1 and 0', async () => {
    const engine = await decoder([
      [30, 20, 10],
      [30, 20, 10],
    ]);
    const parameters = parametersOf(engine);
    const weight = parameters.get('decoder.module_list.0.linear2.weight')!;
    const bound = 1 / Math.sqrt(30 * 9);
    const largest = weight.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(largest).toBeLessThanOrEqual(bound * (1 + 1e-6));
    expect(largest).toBeGreaterThan(0.95 * bound);
    expect(Math.abs(weight.reduce((sum, value) => sum + value, 0) / weight.length)).toBeLessThan(0.05 * bound);
    expect(new Set(parameters.get('decoder.module_list.0.linear1.norm.weight'))).toEqual(new Set([1]));
    expect(new Set(parameters.get('decoder.module_list.0.linear1.norm.bias'))).toEqual(new Set([0]));
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN])('refuses the seed %p', async (seed) => {
    const engine = await decoder(SMALL);
    await expect(engine.initialise(seed)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('create', () => {
  test.each<[string, { features: Feature[]; kernelSize?: number; projectedFrom?: number; threads?: number }, RegExp]>([
    ['a single shape', { features: [[2, 3, 4]] }, /features/],
    [
      'a size of 0',
      {
        features: [
          [2, 0, 4],
          [2, 3, 4],
        ],
      },
      /features\[1\]: expected a whole number ≥ 1, got 0/,
    ],
    ['an even kernel', { features: SMALL, kernelSize: 4 }, /4/],
    ['a negative kernel', { features: SMALL, kernelSize: -3 }, /kernelSize/],
    ['half a thread', { features: SMALL, threads: 0.5 }, /threads/],
    ['a negative length', { features: SMALL, projectedFrom: -1 }, /projectedFrom/],
  ])('refuses %s', async (_what, { features, kernelSize = 3, ...rest }, message) => {
    await expect(DecoderEngine.create({ features, kernelSize, ...rest })).rejects.toMatchObject({
      name: 'DndError',
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });
});
