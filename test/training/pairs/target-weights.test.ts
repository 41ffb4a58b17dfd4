import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterLayout, matrixPairs } from '../../../src/adapter/index.js';
import { innerProduct } from '../../../src/linear-algebra/index.js';
import { productOf } from '../../../src/training/delta-loss.js';
import {
  importanceOf,
  openPairs,
  type Pairs,
  pairsStatistics,
  RAW_WEIGHTS,
  readElements,
  readTokens,
  targetWeights,
} from '../../../src/training/pairs/index.js';
import { residualOf } from '../../../src/training/pairs/residual-of.js';
import { TINY_BASE } from '../../generator/tiny.js';
import { useTemporaryFolder } from '../../temporary-folder.js';
import { checkpointPath, configOf, writeCheckpoint, writePairs } from '../workshop.js';

const temporary = useTemporaryFolder();
const at = (...names: string[]) => join(temporary(), ...names);

const layout = new AdapterLayout({ base: TINY_BASE, rank: 2 });
const modules = matrixPairs(layout.tensors);

/** Writes an adapter [elementCount] as a checkpoint. */
async function writeAdapter(path: string, adapter: Float32Array): Promise<void> {
  const tensors = new Map(
    layout.tensors.map(({ name, shape, offset }) => [
      name,
      { shape, data: adapter.subarray(offset, offset + shape[0] * shape[1]) },
    ]),
  );
  await writeCheckpoint(path, tensors, { style: 'trainer', rank: 2, alpha: 4, modules: layout.modules });
}

/** Other factors of the same products: B · T and T⁻¹ · A, T depending on the seed. */
function turned(adapter: Float32Array, seed: number): Float32Array {
  const result = adapter.slice();
  for (const [index, pair] of modules.entries()) {
    const [{ left, right, rows, columns }, into] = [productOf(adapter, pair), productOf(result, pair)];
    const [p, q] = [2 ** ((seed + index) % 3), -(2 ** (index % 2))];
    const shear = ((seed * 7 + index) % 5) / 4;
    // T = [[p, shear], [0, q]]
    for (let row = 0; row < rows; row++) {
      into.left[2 * row] = left[2 * row]! * p;
      into.left[2 * row + 1] = left[2 * row]! * shear + left[2 * row + 1]! * q;
    }
    for (let column = 0; column < columns; column++) {
      const [first, second] = [right[column]!, right[columns + column]!];
      into.right[column] = first / p - (shear / (p * q)) * second;
      into.right[columns + column] = second / q;
    }
  }
  return result;
}

/** Pairs with a start, and the same with other factors of the same products in every checkpoint. */
async function twoFolders(): Promise<[plain: Pairs, other: Pairs]> {
  const pairsJson = { formatVersion: 1, base: configOf(TINY_BASE), start: '../start' };
  for (const name of ['plain', 'other']) await writePairs(at(name), { pairsJson });
  await mkdir(at('start'));
  const [first] = (await openWithoutStart()).tasks[0]!.checkpoints;
  await writeAdapter(
    at('start', 'adapter_model.safetensors'),
    (await readElements(first!, layout)).map((x) => 0.9 * x),
  );
  const plain = await openPairs(at('plain'));
  for (const { name, checkpoints } of plain.tasks) {
    for (const [index, checkpoint] of checkpoints.entries())
      await writeAdapter(
        checkpointPath(at('other'), name, index + 1),
        turned(await readElements(checkpoint, layout), index),
      );
  }
  return [plain, await openPairs(at('other'))];
}

async function openWithoutStart(): Promise<Pairs> {
  await writePairs(at('without'));
  return openPairs(at('without'));
}

const checkpointsOf = ({ tasks }: Pairs) => tasks.flatMap(({ checkpoints }) => checkpoints);

function largestDifference(one: ArrayLike<number>, other: ArrayLike<number>): number {
  return Array.from(one, (x, i) => Math.abs(x - other[i]!)).reduce((most, x) => Math.max(most, x || 0), 0);
}

test.each(['canonical', 'aligned'] as const)(
  '%s: every checkpoint keeps its products, and other factors of them give the same targets, mean, scales, importance',
  async (targets) => {
    const [plain, other] = await twoFolders();
    const residual = new AdapterLayout({ base: TINY_BASE, rank: 2, normalisation: 'residual' });
    const made = [];
    for (const pairs of [plain, other]) {
      const weights = await targetWeights(targets, pairs, residual);
      const checkpoint = checkpointsOf(pairs)[5]!;
      const [raw, read] = [await readElements(checkpoint, layout), await readElements(checkpoint, layout, weights)];
      expect(largestDifference(raw, read)).toBeGreaterThan(1e-3);
      for (const pair of modules) {
        const [one, same] = [productOf(raw, pair), productOf(read, pair)];
        const square = innerProduct(one, one);
        const difference = square - 2 * innerProduct(one, same) + innerProduct(same, same);
        // Relative 1e-6; the squares' own rounding is 1e-16.
        expect(Math.abs(difference)).toBeLessThan(1e-12 * square);
      }
      const relative = await residualOf(checkpointsOf(pairs), residual, { read: weights.read });
      const importance = await importanceOf(pairs, relative, { weights });
      const tokens = await readTokens(checkpoint, layout, { read: weights.read });
      made.push({ relative: relative.residual!, importance: importance.values, tokens });
    }
    const [one, two] = made as [(typeof made)[0], (typeof made)[0]];
    expect(largestDifference(one.tokens, two.tokens)).toBeLessThan(1e-3);
    expect(largestDifference(one.relative.mean, two.relative.mean)).toBeLessThan(1e-5);
    expect(largestDifference(one.relative.scales, two.relative.scales)).toBeLessThan(1e-5);
    expect(largestDifference(one.importance, two.importance)).toBeLessThan(1e-3);
    const [rawOne, rawTwo] = [
      await residualOf(checkpointsOf(plain), residual),
      await residualOf(checkpointsOf(other), residual),
    ];
    expect(largestDifference(rawOne.residual!.scales, rawTwo.residual!.scales)).toBeGreaterThan(1e-3);
  },
);

test('raw and delta read weights as they are', async () => {
  const pairs = await openWithoutStart();
  for (const targets of ['raw', 'delta'] as const)
    expect(await targetWeights(targets, pairs, layout)).toBe(RAW_WEIGHTS);
});

test('the start itself, aligned with itself, is its canonical form', async () => {
  const [pairs] = await twoFolders();
  const aligned = await readElements(pairs.start!, layout, await targetWeights('aligned', pairs, layout));
  const canonical = await readElements(pairs.start!, layout, await targetWeights('canonical', pairs, layout));
  expect(largestDifference(aligned, canonical)).toBeLessThan(1e-6);
});

test('aligned without a start is refused, with the way out', async () => {
  const pairs = await openWithoutStart();
  await expect(targetWeights('aligned', pairs, layout)).rejects.toMatchObject({
    code: 'INVALID_PAIRS',
    message: expect.stringMatching(/pairs\.json names none.*'canonical'/),
  });
});

test('the importance of other targets is cached apart, and so is that of another start', async () => {
  const [pairs] = await twoFolders();
  const cacheFolder = at('cache');
  const canonical = await targetWeights('canonical', pairs, layout);
  const aligned = await targetWeights('aligned', pairs, layout);
  expect((await importanceOf(pairs, layout, { cacheFolder })).cached).toBe(false);
  expect((await importanceOf(pairs, layout, { cacheFolder, weights: canonical })).cached).toBe(false);
  expect((await importanceOf(pairs, layout, { cacheFolder, weights: aligned })).cached).toBe(false);
  expect((await importanceOf(pairs, layout, { cacheFolder, weights: canonical })).cached).toBe(true);
  const start = { ...pairs.start!, sha256: 'of another' };
  const moved = await targetWeights('aligned', { ...pairs, start }, layout);
  expect((await importanceOf(pairs, layout, { cacheFolder, weights: moved })).cached).toBe(false);
});

test('statistics give the importance of the targets asked for', async () => {
  await twoFolders();
  const [raw, canonical] = [
    await pairsStatistics(at('other')),
    await pairsStatistics(at('other'), { targets: 'canonical' }),
  ];
  const plain = await pairsStatistics(at('plain'), { targets: 'canonical' });
  expect(canonical.importance!.max).toBeCloseTo(plain.importance!.max, 3);
  expect(Math.abs(canonical.importance!.max - raw.importance!.max)).toBeGreaterThan(1e-3);
});
