import { rm } from 'node:fs/promises';
import { cpuInfo, INSTRUCTION_SETS } from '../../src/engine/index.js';
import { DndError } from '../../src/errors.js';
import { PRESETS } from '../../src/generator/presets.js';
import type { GeneratorPlan } from '../../src/plan/plan.js';
import { dnd, dndJson } from './run-cli.js';
import { useWorkshop } from './workshop.js';

const { at, init } = useWorkshop();

const PRESET = ['plan', '--preset', 'qwen2.5-0.5b-common-sense'];
/** Two layers that are equal: five distinct convolutions, each of them twice. */
const TINY = ['plan', '--features', '[[4,6,8],[4,6,8],[4,6,8]]', '--kernel-size', 3];
const other = INSTRUCTION_SETS.find((name) => name !== cpuInfo().isa)!;

async function planOf(argv: readonly (string | number)[]): Promise<GeneratorPlan> {
  const { code, result, stderr } = await dndJson<GeneratorPlan>(argv);
  expect([code, stderr]).toEqual([0, '']);
  return result;
}

test('a preset: a row for each convolution, and the totals', async () => {
  const { code, stdout, stderr } = await dnd([...PRESET, '--isa', 'avx512', '--threads', 2]);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^preset +qwen2.5-0.5b-common-sense$/m);
  expect(stdout).toMatch(/^planned for +batch 1, avx512, algorithm auto, 1.07 GB workspace$/m);
  expect(stdout).toMatch(
    /^convolution +channels +plane +algorithm +points +tiles +GFLOP +direct +bytes +spectra +predicted ms$/m,
  );
  expect(stdout).toMatch(
    /^0\.linear1\.conv1w +384 → 300 +384 × 128 +spectral +\d+\*? × \d+\*? +\d+ .* [kM]B +[\d.]+$/m,
  );
  expect(stdout.match(/^\d\.linear/gm)).toHaveLength(5 * 8);
  expect(stdout).toMatch(
    /\n\n40 convolutions: predicted [\d.]+ s on 2 threads; [\d.]+ GFLOP instead of 7,310 direct; largest tile spectra \d+ MB\n$/,
  );
});

test('--json has all that the table shows, and what it leaves out', async () => {
  const plan = await planOf([...PRESET, '--isa', 'avx512', '--threads', 2]);
  const { features, kernelSize } = PRESETS['qwen2.5-0.5b-common-sense'];
  const { convolutions, totals, ...rest } = plan;
  expect(rest).toEqual({
    generator: null,
    preset: 'qwen2.5-0.5b-common-sense',
    decoder: { features, kernelSize, projectedFrom: 0 },
    batch: 1,
    instructionSet: 'avx512',
    threads: 2,
    algorithm: 'auto',
    workspaceBytes: 2 ** 30,
  });
  expect(convolutions).toHaveLength(40);
  const number = expect.any(Number);
  expect(convolutions[0]).toEqual({
    layer: 0,
    weight: 'linear1.conv1w',
    axis: 'width',
    batch: 1,
    channels: 384,
    outputChannels: 300,
    sizeI: 384,
    sizeJ: 128,
    kernelSize: 9,
    algorithm: 'spectral',
    tiling: {
      pointsI: number,
      pointsJ: number,
      halved: expect.stringMatching(/^[ij]$/),
      tilesI: number,
      tilesJ: number,
      tiles: number,
      chunkTiles: number,
      chunks: number,
      slabChannels: number,
      slabSteps: number,
      blockOutputChannels: number,
    },
    executedFlop: number,
    directFlop: number,
    bytes: {
      weights: 4 * 384 * 300 * 81,
      input: 4 * 384 * 384 * 128,
      output: 4 * 300 * 384 * 128,
      tileSpectra: number,
    },
    predicted: {
      threadSeconds: number,
      parts: { forward: number, weights: number, product: number, inverse: number },
    },
    rejected: expect.arrayContaining([{ candidate: 'direct', reason: expect.stringContaining('predicted') }]),
    measured: null,
  });
  const sum = (of: (each: (typeof convolutions)[number]) => number) => convolutions.reduce((all, c) => all + of(c), 0);
  expect(totals).toEqual({
    predictedThreadSeconds: expect.closeTo(sum((c) => c.predicted.threadSeconds)),
    predictedSeconds: totals.predictedThreadSeconds / 2,
    measuredSeconds: null,
    executedFlop: expect.closeTo(sum((c) => c.executedFlop)),
    directFlop: expect.closeTo(sum((c) => c.directFlop)),
    largestTileSpectraBytes: Math.max(...convolutions.map((c) => c.bytes.tileSpectra)),
  });
});

test('a generator: its generator.json is enough', async () => {
  await init();
  await rm(at('generator', 'decoder.safetensors'));
  const plan = await planOf(['plan', at('generator')]);
  expect(plan).toMatchObject({ generator: at('generator'), preset: null, decoder: { kernelSize: 3 } });
  expect(plan.convolutions).toHaveLength(10);
  expect(await planOf(['plan', at('generator', 'generator.json')])).toEqual(plan);
  expect((await dnd(['plan', at('generator')])).stdout).toContain(`generator    ${at('generator')}\n`);
});

test('a preset with a length projection says that it is not among the convolutions', async () => {
  const { stdout } = await dnd(['plan', '--preset', 'qwen2.5-1.5b-math']);
  expect(stdout).toContain('the length projection, 4608 → 1000, which is not a convolution');
  expect((await dnd(PRESET)).stdout).not.toContain('projection');
});

test('--batch multiplies the work of tiles, and the weights stay one', async () => {
  const [one, eight] = [await planOf(PRESET), await planOf([...PRESET, '--batch', 8])];
  expect(eight.batch).toBe(8);
  expect(eight.totals.directFlop).toBe(8 * one.totals.directFlop);
  expect(eight.convolutions[0]!.bytes.weights).toBe(one.convolutions[0]!.bytes.weights);
  expect(eight.convolutions[0]!.bytes.input).toBe(8 * one.convolutions[0]!.bytes.input);
  expect(eight.totals.predictedSeconds).toBeLessThan(8 * one.totals.predictedSeconds);
});

test.each(INSTRUCTION_SETS)('--isa %s is planned for on every machine', async (name) => {
  expect(await planOf([...PRESET, '--isa', name])).toMatchObject({ instructionSet: name });
});

test('without --isa and --threads the plan is for this machine', async () => {
  const { isa, defaultThreads } = cpuInfo();
  expect(await planOf(PRESET)).toMatchObject({ instructionSet: isa, threads: defaultThreads });
});

test('--threads share the time, and change nothing else', async () => {
  const [one, four] = [await planOf([...PRESET, '--threads', 1]), await planOf([...PRESET, '--threads', 4])];
  expect(four.convolutions).toEqual(one.convolutions);
  expect(four.totals.predictedSeconds).toBe(one.totals.predictedSeconds / 4);
});

test.each(['direct', 'spectral'] as const)('--algorithm %s is that for all', async (algorithm) => {
  const plan = await planOf([...PRESET, '--algorithm', algorithm]);
  expect(plan.convolutions.every((convolution) => convolution.algorithm === algorithm)).toBe(true);
});

test('a direct plan is shown without tiles', async () => {
  const { stdout } = await dnd([...PRESET, '--algorithm', 'direct']);
  expect(stdout).toMatch(/^0\.linear2 .* direct +- +- +/m);
  expect(stdout).not.toContain('*');
});

test.each([
  ['67108864', 2 ** 26],
  ['64MiB', 2 ** 26],
  ['0.0625 gib', 2 ** 26],
  ['64MB', 64e6],
  ['65536kB', 65536e3],
])('--workspace %s is respected', async (limit, bytes) => {
  const plan = await planOf([...PRESET, '--workspace', limit]);
  expect(plan.workspaceBytes).toBe(bytes);
  expect(plan.totals.largestTileSpectraBytes).toBeGreaterThan(0);
  expect(plan.totals.largestTileSpectraBytes).toBeLessThanOrEqual(bytes / 2);
  expect(plan.convolutions.some(({ tiling }) => tiling && tiling.chunks > 1)).toBe(true);
});

test('chunks are shown', async () => {
  const { stdout } = await dnd([...PRESET, '--workspace', '64MiB']);
  expect(stdout).toMatch(/^0\.linear1\.conv1w .* × \d+\*? +\d+ in \d+ /m);
});

test('--why lists what was not chosen, and the reason', async () => {
  const plain = await dnd(PRESET);
  expect(plain.stdout).not.toContain('  not direct');
  const { stdout } = await dnd([...PRESET, '--why']);
  expect(stdout).toMatch(
    /^0\.linear1\.conv1w is spectral, [\d.]+ ms of one thread: forward [\d.]+, weights [\d.]+, product [\d.]+, inverse [\d.]+\n {2}not direct: predicted [\d.]+ s, [\d.]+ s more\n/m,
  );
  expect((await dnd([...PRESET, '--why', '--algorithm', 'direct'])).stdout).toMatch(
    /^0\.linear2 is direct, [\d.]+ ms of one thread\n {2}not spectral.*: the direct algorithm was requested$/m,
  );
});

describe('--measure', () => {
  test('runs what was planned, each distinct convolution once', async () => {
    const { convolutions, totals } = await planOf([...TINY, '--measure', '--threads', 1]);
    for (const { measured } of convolutions) {
      expect(measured!.seconds).toBeGreaterThan(0);
      expect(measured!.runs).toContain(measured!.seconds);
    }
    for (const index of [0, 1, 2, 3, 4])
      expect(convolutions[index + 5]!.measured).toEqual(convolutions[index]!.measured);
    expect(totals.measuredSeconds).toBeCloseTo(convolutions.reduce((sum, { measured }) => sum + measured!.seconds, 0));
  });

  test('prints the parts of spectral convolutions', async () => {
    const { convolutions } = await planOf([...TINY, '--measure', '--algorithm', 'spectral']);
    const parts = { forward: 0, halve: 0, columns: 0, product: 0, inverse: 0 };
    for (const { measured } of convolutions) expect(Object.keys(measured!.parts!)).toEqual(Object.keys(parts));
  });

  test('has a column in the table, and a total', async () => {
    const { stdout, stderr } = await dnd([...TINY, '--measure', '--threads', 1]);
    expect(stdout).toMatch(/ predicted ms {2}measured ms$/m);
    expect(stdout).toMatch(/\n\n10 convolutions: predicted .* s on 1 thread, measured .* s; /);
    expect(stderr).toBe('measuring convolutions …\n');
  });

  test('shows a bar on a terminal', async () => {
    const { stderr } = await dnd([...TINY, '--measure'], { terminal: true });
    expect(stderr).toContain('measuring convolutions');
    expect(stderr).toContain('100%');
  });

  test('is stopped by Ctrl-C', async () => {
    const signal = AbortSignal.abort(new DndError('ABORTED', 'interrupted'));
    expect(await dnd([...TINY, '--measure'], { signal })).toMatchObject({ code: 130, stdout: '' });
  });

  test('of another instruction set is wrong usage', async () => {
    const { code, stdout, stderr } = await dnd([...TINY, '--measure', '--isa', other]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`got ${other}`);
    expect((await dnd([...TINY, '--measure', '--isa', cpuInfo().isa])).code).toBe(0);
  });
});

test.each([
  ['nothing to plan', ['plan']],
  ['a generator and a preset', [...PRESET, 'generator']],
  ['a generator and features', [...TINY, 'generator']],
  ['a preset and features', [...PRESET, '--features', '[[1,1,1],[1,1,1]]']],
  ['a preset and a kernel size', [...PRESET, '--kernel-size', '3']],
  ['an unknown preset', ['plan', '--preset', 'qwen3-8b']],
  ['features without a kernel size', ['plan', '--features', '[[1,1,1],[1,1,1]]']],
  ['a kernel size without features', ['plan', '--kernel-size', '3']],
  ['an even kernel size', ['plan', '--features', '[[1,1,1],[1,1,1]]', '--kernel-size', '4']],
  ['features that are no shapes', ['plan', '--features', '[[1,1],[1,1]]', '--kernel-size', '3']],
  ['an unknown instruction set', [...PRESET, '--isa', 'sse2']],
  ['an unknown algorithm', [...PRESET, '--algorithm', 'winograd']],
  ['a batch of nothing', [...PRESET, '--batch', '0']],
  ['a batch beyond counting', [...PRESET, '--batch', '9007199254740991']],
  ['threads of nothing', [...PRESET, '--threads', '0']],
  ['a limit of nothing', [...PRESET, '--workspace', '0']],
  ['a limit without a number', [...PRESET, '--workspace', 'GB']],
  ['a limit in an unknown unit', [...PRESET, '--workspace', '4GX']],
  ['a limit in bits', [...PRESET, '--workspace', '4ib']],
  ['a limit below nothing', [...PRESET, '--workspace', '-4GB']],
  [
    'a spectral kernel of 17 taps',
    ['plan', '--features', '[[1,9,9],[1,9,9]]', '--kernel-size', '17', '--algorithm', 'spectral'],
  ],
])('%s is wrong usage', async (_what, argv) => {
  const { code, stdout, stderr } = await dnd(argv);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).not.toBe('');
});

test('a generator that is not there, or is damaged, is a failure', async () => {
  expect(await dndJson(['plan', at('nowhere')])).toMatchObject({
    code: 1,
    result: { error: { code: 'FILE_NOT_FOUND', message: expect.stringContaining('generator.json') } },
  });
  await init();
  await rm(at('generator', 'generator.json'));
  expect(await dndJson(['plan', at('generator')])).toMatchObject({ code: 1 });
});
