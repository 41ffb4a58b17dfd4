import {
  CUDA_DEVICE_MODELS,
  type CudaPlanOptions,
  cudaDeviceModelOf,
  cudaDeviceModels,
  type Feature,
  planCudaDecoder,
  planCudaEncoder,
} from '../../src/engine/index.js';
import { PRESETS } from '../../src/generator/presets.js';

const { features, kernelSize } = PRESETS['qwen2.5-0.5b-common-sense'];
const PUBLISHED = { features, kernelSize, deviceModel: 'h200' } as const satisfies CudaPlanOptions;
const SMALL: Feature[] = [
  [3, 4, 5],
  [7, 8, 9],
];

test('the models that can be named are those with committed rates', () => {
  expect(cudaDeviceModels().map(({ name }) => name)).toEqual([...CUDA_DEVICE_MODELS]);
  for (const model of cudaDeviceModels()) {
    expect(model.attainableBytesPerSecond).toBeLessThan(model.bytesPerSecond);
    expect(model.attainableHalfFlopPerSecond).toBeLessThan(model.halfFlopPerSecond);
  }
});

test('a device is planned for by its name, else by its compute capability', () => {
  const model = (name: string, computeMajor: number, computeMinor: number) =>
    cudaDeviceModelOf({ name, computeMajor, computeMinor });
  expect(model('NVIDIA H200', 9, 0)).toBe('h200');
  expect(model('NVIDIA of years to come', 9, 0)).toBe('h100-sxm');
});

test('the same options give the same plan', () => {
  expect(planCudaDecoder(PUBLISHED)).toEqual(planCudaDecoder({ ...PUBLISHED }));
});

test('five convolutions for each layer, named as their weights', () => {
  const { convolutions } = planCudaDecoder({ features: SMALL, kernelSize: 3, deviceModel: 'l4', batch: 2 });
  expect(convolutions.map(({ weight, axis }) => [weight, axis])).toEqual([
    ['linear1.conv1w', 'width'],
    ['linear1.conv1h', 'height'],
    ['linear1.conv2h', 'height'],
    ['linear1.conv2w', 'width'],
    ['linear2', 'token'],
  ]);
  expect(convolutions[4]).toMatchObject({ batch: 2, channels: 3, outputChannels: 7, sizeI: 8, sizeJ: 9 });
  expect(convolutions[4]!.bytes).toMatchObject({ weights: 4 * 7 * 3 * 9, output: 4 * 2 * 7 * 8 * 9 });
});

test('a spectral convolution reports its tiles, its resident weights and the parts of its time', () => {
  const { convolutions } = planCudaDecoder(PUBLISHED);
  const { algorithm, tiling, spectraHeld, bytes, predicted, rejected } = convolutions[0]!;
  expect([algorithm, spectraHeld]).toEqual(['spectral', true]);
  const { pointsI, pointsJ, tilesI, tilesJ, tiles, frequencies } = tiling!;
  expect(tiles).toBe(tilesI * tilesJ);
  expect(frequencies).toBe((pointsI * pointsJ) / 2 + 2);
  expect(bytes.held).toBe(2 * 2 * frequencies * 300 * 384);
  const { scale, forward, weights, product, inverse, direct } = predicted.parts;
  expect([weights, direct]).toEqual([0, 0]);
  expect(scale + forward + product + inverse).toBeCloseTo(predicted.seconds, 12);
  expect(rejected[0]).toEqual({ candidate: 'direct', reason: expect.stringMatching(/^predicted .* s more$/) });
});

test('the whole is the sum of its convolutions and of the moments, and its bytes add up', () => {
  const { convolutions, seconds, parts, bytes } = planCudaDecoder(PUBLISHED);
  const sum = convolutions.reduce((all, { predicted }) => all + predicted.seconds, 0);
  expect(seconds).toBeCloseTo(sum + parts.moments, 12);
  expect(bytes.weights).toBe(convolutions.reduce((all, each) => all + each.bytes.held, 0));
  expect(bytes.workspace).toBe(Math.max(...convolutions.map((each) => each.bytes.workspace)));
  expect(bytes.device).toBe(bytes.weights + bytes.values + bytes.activations + bytes.workspace);
});

test('a batch is cut alike and takes less time for each task', () => {
  const [one, eight] = [planCudaDecoder(PUBLISHED), planCudaDecoder({ ...PUBLISHED, batch: 8 })];
  expect(eight.bytes.weights).toBe(one.bytes.weights);
  expect(eight.seconds).toBeLessThan(8 * one.seconds);
  for (const [index, { tiling }] of one.convolutions.entries()) {
    const { pointsI, pointsJ, halved } = eight.convolutions[index]!.tiling!;
    expect([pointsI, pointsJ, halved]).toEqual([tiling!.pointsI, tiling!.pointsJ, tiling!.halved]);
  }
});

test('where memory is short, spectra are made each time', () => {
  const { convolutions, bytes } = planCudaDecoder({ ...PUBLISHED, memoryBytes: 6e9 });
  expect(bytes.device).toBeLessThanOrEqual(6e9);
  const made = convolutions.filter(({ spectraHeld }) => !spectraHeld);
  expect(made.length).toBeGreaterThan(0);
  for (const { predicted, bytes } of made) {
    expect(predicted.parts.weights).toBeGreaterThan(0);
    expect(bytes.held).toBe(bytes.weights);
  }
});

test('an encoder takes more time in float32, and longer sequences take more', () => {
  const minilm = { layers: 12, hiddenSize: 384, heads: 12, intermediateSize: 1536, sequences: 128, length: 384 };
  const on = { deviceModel: 'h200', precision: 'mixed' } as const;
  const { seconds, parts } = planCudaEncoder({ ...minilm, ...on });
  expect(parts.embeddings + parts.linear + parts.attention + parts.norms).toBeCloseTo(seconds, 12);
  expect(planCudaEncoder({ ...minilm, ...on, precision: 'fp32' }).seconds).toBeGreaterThan(2 * seconds);
  expect(planCudaEncoder({ ...minilm, ...on, length: 512 }).parts.attention).toBeGreaterThan(1.5 * parts.attention);
});

test.each<[string, object, string, string]>([
  ['an unknown model', { deviceModel: 'h2000' }, 'INVALID_ARGUMENT', "device model 'h2000'; there are those of a100"],
  ['an unknown precision', { precision: 'int8' }, 'INVALID_ARGUMENT', 'one of "mixed", "fp32"'],
  ['a single feature', { features: [[1, 2, 3]] }, 'INVALID_ARGUMENT', 'at least two shapes'],
  ['an even kernel', { kernelSize: 4 }, 'INVALID_ARGUMENT', 'must be odd'],
  ['17 taps by the spectral algorithm', { kernelSize: 17, algorithm: 'spectral' }, 'INVALID_ARGUMENT', '15 taps'],
  ['memory that the weights do not fit into', { memoryBytes: 1e9 }, 'OUT_OF_MEMORY', 'bytes of device memory'],
])('%s is refused', (_what, change, code, sentence) => {
  const plan = () => planCudaDecoder({ ...PUBLISHED, ...change } as CudaPlanOptions);
  expect(plan).toThrow(expect.objectContaining({ code, message: expect.stringContaining(sentence) }));
});
