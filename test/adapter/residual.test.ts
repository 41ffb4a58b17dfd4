import fc from 'fast-check';
import { AdapterLayout, ResidualStatistics, ResidualSums } from '../../src/adapter/index.js';
import { reconstructAdapters } from '../../src/engine/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { TINY_BASE } from '../generator/tiny.js';
import { anyBase, anyModules } from './bases.js';

type Weights = Map<string, Float32Array>;

const anyLayout = fc
  .record({
    base: anyBase,
    rank: fc.integer({ min: 1, max: 9 }),
    modules: anyModules,
    chunk: fc.option(fc.integer({ min: 1, max: 150 }), { nil: undefined }),
  })
  .map((options) => new AdapterLayout({ ...options, normalisation: 'residual' }));

function randomWeights(layout: AdapterLayout, seed: number, scale = 0.05): Weights {
  const random = SplitMix64.seeded(seed);
  const uniform = () => scale * (random.below(2 ** 24) / 2 ** 23 - 1);
  return new Map(
    layout.tensors.map(({ name, shape }) => [name, Float32Array.from({ length: shape[0] * shape[1] }, uniform)]),
  );
}

function residualOf(layout: AdapterLayout, checkpoints: readonly Weights[]): AdapterLayout {
  const sums = new ResidualSums(layout);
  for (const weights of checkpoints) {
    sums.beginCheckpoint();
    for (const tensor of layout.tensors) sums.add(weights.get(tensor.name)!, tensor);
  }
  return layout.withResidual(sums.result());
}

function flat(layout: AdapterLayout, weights: ReadonlyMap<string, Float32Array>): Float32Array {
  const values = new Float32Array(layout.elementCount);
  for (const { name, offset } of layout.tensors) values.set(weights.get(name)!, offset);
  return values;
}

test('weights → tokens → weights is the identity within rounding, in TypeScript and in native code', async () => {
  await fc.assert(
    fc.asyncProperty(anyLayout, fc.integer({ min: 0, max: 1e6 }), async (plain, seed) => {
      const checkpoints = [0, 1, 2].map((each) => randomWeights(plain, 3 * seed + each));
      const layout = residualOf(plain, checkpoints);
      const weights = checkpoints[1]!;
      const tokens = layout.tokenise(weights);
      const reconstructed = flat(layout, await layout.reconstruct(tokens));
      const expected = flat(layout, weights);
      const worst = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - reconstructed[i]!)), 0);
      // A token element is rounded once and the weight once; deviations and means are at most 0.1.
      expect(worst).toBeLessThan(0.1 * 2 ** -23);
      const [native] = await reconstructAdapters(tokens, 1, layout.flat());
      expect(native).toEqual(reconstructed);
    }),
    { numRuns: 50, seed: 11 },
  );
});

test('tokens have no margins: as high as the rank and as wide as the chunk, NaN only beyond a short chunk', () => {
  fc.assert(
    fc.property(anyLayout, (plain) => {
      const layout = residualOf(plain, [randomWeights(plain, 1), randomWeights(plain, 2)]);
      expect([layout.tokenHeight, layout.tokenWidth]).toEqual([layout.rank, layout.chunk]);
      const tokens = layout.tokenise(randomWeights(layout, 1));
      expect(tokens.filter((value) => !Number.isNaN(value))).toHaveLength(layout.elementCount);
    }),
    { numRuns: 50, seed: 3 },
  );
});

describe('mean and scales', () => {
  const plain = new AdapterLayout({ base: TINY_BASE, rank: 2, chunk: 24, normalisation: 'residual' });
  const checkpoints = [5, 6, 7, 8].map((seed) => randomWeights(plain, seed));

  test('are the elementwise mean, and the root mean square of the deviations of each token', () => {
    const layout = residualOf(plain, checkpoints);
    const all = checkpoints.map((weights) => flat(plain, weights));
    const { mean, scales } = layout.residual!;
    for (const [i, value] of mean.entries()) {
      const wanted = all.reduce((sum, values) => sum + values[i]!, 0) / all.length;
      expect(Math.abs(value - wanted)).toBeLessThan(1e-8);
    }
    // So each token's mean square over the training checkpoints is 1, which is also the loss of the mean adapter.
    const size = layout.tokenHeight * layout.tokenWidth;
    const squares = new Float64Array(layout.tokenCount);
    const counts = new Float64Array(layout.tokenCount);
    for (const weights of checkpoints)
      for (const [i, value] of layout.tokenise(weights).entries()) {
        if (Number.isNaN(value)) continue;
        squares[Math.floor(i / size)]! += value * value;
        counts[Math.floor(i / size)]!++;
      }
    for (const [token, sum] of squares.entries()) expect(sum / counts[token]!).toBeCloseTo(1, 5);
    expect(scales.every((scale) => scale > 0)).toBe(true);
  });

  test('where all checkpoints are equal the scale and the target are 0, and the mean comes back exactly', async () => {
    const [equal] = plain.tensors;
    const shared = checkpoints[0]!.get(equal!.name)!;
    const partly = checkpoints.map((weights) => new Map(weights).set(equal!.name, shared));
    const layout = residualOf(plain, partly);
    const own = layout.residual!.scales.subarray(equal!.firstToken, equal!.firstToken + equal!.tokenCount);
    expect([...own].every((scale) => scale === 0)).toBe(true);
    const tokens = layout.tokenise(partly[2]!);
    const size = layout.tokenHeight * layout.tokenWidth;
    const target = tokens.subarray(equal!.firstToken * size, (equal!.firstToken + equal!.tokenCount) * size);
    expect(target.every((value) => value === 0 || Number.isNaN(value))).toBe(true);
    // Whatever the decoder makes of it.
    target.fill(Number.POSITIVE_INFINITY);
    expect((await layout.reconstruct(tokens)).get(equal!.name)).toEqual(shared);
    const [native] = await reconstructAdapters(tokens, 1, layout.flat());
    expect(native!.subarray(equal!.offset, equal!.offset + shared.length)).toEqual(shared);
  });

  test('of equal checkpoints are refused: there would be nothing to learn', () => {
    expect(() => residualOf(plain, [checkpoints[0]!, checkpoints[0]!])).toThrow(/no deviations.*'chunk'/);
    expect(() => residualOf(plain, [checkpoints[0]!])).toThrow(expect.objectContaining({ code: 'INVALID_PAIRS' }));
  });

  test('of NaN are refused with the tensor', () => {
    const broken = new Map(checkpoints[0]!);
    const { name } = plain.tensors[3]!;
    broken.set(
      name,
      broken.get(name)!.map((value, i) => (i === 3 ? Number.NaN : value)),
    );
    expect(() => residualOf(plain, [broken, checkpoints[1]!])).toThrow(name);
    const layout = residualOf(plain, checkpoints);
    expect(() => layout.tokenise(broken)).toThrow(expect.objectContaining({ code: 'INVALID_WEIGHTS' }));
  });
});

test('a layout without its mean describes sizes and refuses to convert', () => {
  const plain = new AdapterLayout({ base: TINY_BASE, rank: 2, normalisation: 'residual' });
  expect(plain.toJSON()).toMatchObject({ normalisation: 'residual' });
  expect(AdapterLayout.fromJSON(JSON.parse(JSON.stringify(plain)), 'x').normalisation).toBe('residual');
  expect(() => plain.tokenise(randomWeights(plain, 1))).toThrow(/no mean adapter/);
  expect(() => plain.flat()).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  expect(() => plain.withResidual(new ResidualStatistics(new Float32Array(3), new Float32Array(1)))).toThrow(
    /expected a mean of \d+ elements and \d+ scales, got a mean of 3 elements and 1 scales/,
  );
});

test("a layout of the normalisation 'chunk' is stored as before there was a choice", () => {
  const layout = new AdapterLayout({ base: TINY_BASE, rank: 2, normalisation: 'chunk' });
  expect(Object.keys(layout.toJSON())).toEqual(['base', 'rank', 'modules', 'chunk', 'layersPath']);
  expect(() => layout.withResidual(new ResidualStatistics(new Float32Array(1), new Float32Array(1)))).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  );
});

test('mean and scales must be finite, and scales not negative', () => {
  expect(() => new ResidualStatistics(Float32Array.of(Number.NaN), Float32Array.of(1))).toThrow(/the mean adapter/);
  expect(() => new ResidualStatistics(Float32Array.of(1), Float32Array.of(1, -1))).toThrow(/scales.* -1 at 1/);
});
