import { type Feature, INSTRUCTION_SETS, type PlanOptions, planDecoder } from '../../src/engine/index.js';
import { PRESETS } from '../../src/generator/presets.js';

const { features, kernelSize } = PRESETS['qwen2.5-0.5b-common-sense'];
const PUBLISHED = { features, kernelSize, instructionSet: 'avx512' } as const satisfies PlanOptions;
/** 200 → 130 channels over pictures of 10 × 2048: what the spectral algorithm is for. */
const WIDE: Feature[] = [
  [2048, 10, 200],
  [2048, 10, 130],
];

test('the same options give the same plan', () => {
  expect(planDecoder(PUBLISHED)).toEqual(planDecoder({ ...PUBLISHED }));
});

test('five convolutions for each layer, named as their weights, in the order of their execution', () => {
  const { convolutions } = planDecoder(PUBLISHED);
  expect(convolutions).toHaveLength(5 * (features.length - 1));
  expect(convolutions.slice(5, 10).map(({ layer, weight, axis }) => [layer, weight, axis])).toEqual([
    [1, 'linear1.conv1w', 'width'],
    [1, 'linear1.conv1h', 'height'],
    [1, 'linear1.conv2h', 'height'],
    [1, 'linear1.conv2w', 'width'],
    [1, 'linear2', 'token'],
  ]);
});

test('channels and pictures follow the features, and bytes follow them', () => {
  const shape: Feature[] = [
    [3, 4, 5],
    [7, 8, 9],
  ];
  const { convolutions } = planDecoder({ features: shape, kernelSize: 3, batch: 2 });
  expect(convolutions.map((c) => [c.channels, c.outputChannels, c.sizeI, c.sizeJ])).toEqual([
    [5, 9, 4, 3],
    [4, 8, 3, 9],
    [4, 8, 3, 5],
    [5, 9, 8, 3],
    [3, 7, 8, 9],
  ]);
  expect(convolutions[4]).toMatchObject({ batch: 2, kernelSize: 3 });
  expect(convolutions[4]!.bytes).toMatchObject({
    weights: 4 * 7 * 3 * 9,
    input: 4 * 2 * 3 * 8 * 9,
    output: 4 * 2 * 7 * 8 * 9,
  });
});

test('direct work is two operations for each tap inside the picture', () => {
  const row: Feature[] = [
    [1, 1, 4],
    [1, 1, 1],
  ];
  // Of three taps, pictures of 1 × 1 meet one in each direction: 4 channels to 1, then 1 to 1 for the rest of the path.
  const { convolutions, directFlop } = planDecoder({ features: row, kernelSize: 3 });
  expect(convolutions[0]!.directFlop).toBe(2 * 4);
  expect(directFlop).toBe(convolutions.reduce((sum, each) => sum + each.directFlop, 0));
});

test('a large convolution is spectral, and the plan says how it is cut and what was not taken', () => {
  const { convolutions } = planDecoder({ features: WIDE, kernelSize: 9, instructionSet: 'avx512' });
  const { algorithm, tiling, predicted, executedFlop, directFlop, bytes, rejected } = convolutions[0]!;
  expect(algorithm).toBe('spectral');
  const { pointsI, tilesI, pointsJ, tilesJ, tiles, chunkTiles, chunks, halved } = tiling!;
  expect(pointsI).toBeGreaterThanOrEqual(10 + 4); // the whole axis, and half a kernel of padding
  expect(tilesI).toBe(1);
  expect(tilesJ).toBe(Math.ceil(2048 / (pointsJ - 8)));
  expect(tiles).toBe(tilesJ);
  expect(chunks).toBe(Math.ceil(tiles / chunkTiles));
  expect(['i', 'j']).toContain(halved);
  const { forward, weights, product, inverse } = predicted.parts!;
  expect(forward + weights + product + inverse).toBeCloseTo(predicted.threadSeconds, 12);
  expect(executedFlop).toBeLessThan(directFlop / 4);
  expect(bytes.tileSpectra).toBeGreaterThan(0);
  expect(rejected[0]).toEqual({ candidate: 'direct', reason: expect.stringMatching(/^predicted .* s more$/) });
});

test('a direct convolution has no tiles, and says so', () => {
  const { convolutions, largestTileSpectraBytes } = planDecoder({ ...PUBLISHED, algorithm: 'direct' });
  expect(largestTileSpectraBytes).toBe(0);
  for (const each of convolutions)
    expect(each).toMatchObject({ algorithm: 'direct', tiling: null, predicted: { parts: null } });
  expect(convolutions[0]!.rejected[0]!.reason).toBe('the direct algorithm was requested');
});

test('auto is never predicted to be slower than either algorithm', () => {
  for (const instructionSet of INSTRUCTION_SETS) {
    const seconds = (algorithm: 'auto' | 'direct' | 'spectral') =>
      planDecoder({ ...PUBLISHED, instructionSet, algorithm }).convolutions.map((c) => c.predicted.threadSeconds);
    const [auto, direct, spectral] = [seconds('auto'), seconds('direct'), seconds('spectral')];
    for (const [index, taken] of auto.entries()) expect(taken).toBe(Math.min(direct[index]!, spectral[index]!));
  }
});

test('every instruction set can be planned for on every machine, and the slower ones are predicted to be slower', () => {
  const [baseline, avx2, avx512] = INSTRUCTION_SETS.map(
    (instructionSet) => planDecoder({ ...PUBLISHED, instructionSet }).threadSeconds,
  );
  expect(baseline).toBeGreaterThan(avx2!);
  expect(avx2).toBeGreaterThan(avx512!);
});

test('tile spectra keep to half of the workspace: a batch is done in chunks', () => {
  const workspaceBytes = 2 ** 24;
  const wide = planDecoder({ features: WIDE, kernelSize: 9, batch: 8, algorithm: 'spectral', workspaceBytes });
  expect(wide.workspaceBytes).toBe(workspaceBytes);
  expect(wide.largestTileSpectraBytes).toBeGreaterThan(0);
  for (const { bytes, tiling } of wide.convolutions) {
    expect(bytes.tileSpectra).toBeLessThanOrEqual(workspaceBytes / 2);
    expect(tiling!.chunks).toBeGreaterThan(1);
  }
});

test('where no tile fits into the workspace, the direct algorithm is used and the reason reported', () => {
  const { convolutions } = planDecoder({ features: WIDE, kernelSize: 9, workspaceBytes: 1 });
  for (const { algorithm, rejected } of convolutions) {
    expect(algorithm).toBe('direct');
    expect(rejected).toEqual([{ candidate: 'spectral', reason: expect.stringContaining('budget') }]);
  }
});

test('so it is for kernels that have no transform', () => {
  const { convolutions } = planDecoder({ features: WIDE, kernelSize: 17 });
  expect(convolutions.every(({ algorithm }) => algorithm === 'direct')).toBe(true);
  expect(convolutions[0]!.rejected).toEqual([
    { candidate: 'spectral', reason: expect.stringContaining('more than 15 taps') },
  ]);
});

test.each<[string, Partial<Record<keyof PlanOptions, unknown>>, string]>([
  ['an unknown instruction set', { instructionSet: 'sse2' }, "instruction set 'sse2'"],
  ['an unknown algorithm', { algorithm: 'winograd' }, 'one of "auto", "direct", "spectral"'],
  ['a size of zero', { features: [1, 2, 0, 4, 5, 6] }, 'features[2]: expected a whole number ≥ 1'],
  ['a size beyond all decoders', { features: [1, 2, 3, 4, 5, 2 ** 40] }, 'sizes ≤ 1048576, got 1099511627776'],
  ['a single feature', { features: [1, 2, 3] }, 'at least two shapes'],
  ['features of two sizes', { features: [1, 2, 3, 4] }, 'three sizes (tokens, height, width)'],
  ['an even kernel', { kernelSize: 4 }, 'must be odd'],
  ['a batch of nothing', { batch: 0 }, 'batch: is not valid; expected a whole number from 1 to 65536'],
  ['a workspace below nothing', { workspaceBytes: -1 }, 'workspaceBytes: expected a whole number ≥ 0'],
  ['a spectral kernel of 17 taps', { kernelSize: 17, algorithm: 'spectral' }, 'no spectral convolution is possible'],
])('%s is refused', (_what, change, sentence) => {
  const plan = () => planDecoder({ features: WIDE, kernelSize: 9, ...change } as PlanOptions);
  expect(plan).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(sentence) }),
  );
});

test('a workspace too small for any spectral tile is too little memory if that algorithm is requested', () => {
  const plan = () => planDecoder({ features: WIDE, kernelSize: 9, workspaceBytes: 1, algorithm: 'spectral' });
  expect(plan).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY', message: expect.stringContaining('budget') }));
});
