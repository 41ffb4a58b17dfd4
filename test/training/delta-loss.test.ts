import { AdapterLayout, matrixPairs, ResidualStatistics } from '../../src/adapter/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { DeltaLoss } from '../../src/training/delta-loss.js';
import { FitSums } from '../../src/training/fit-sums.js';
import { TINY_BASE } from '../generator/tiny.js';

// q_proj's chunks are shorter than the tokens.
const plain = new AdapterLayout({
  ...{ base: TINY_BASE, rank: 3, modules: ['q_proj', 'down_proj'], chunk: 60 },
  normalisation: 'residual',
});

function numbers(seed: number, count: number): Float32Array {
  const random = SplitMix64.seeded(seed);
  return Float32Array.from({ length: count }, () => random.below(2001) / 1000 - 1);
}

const mean = numbers(1, plain.elementCount);
const scales = numbers(2, plain.tokenCount).map((value) => 0.5 + 0.4 * value);
const layout = plain.withResidual(new ResidualStatistics(mean, scales));
const pairs = matrixPairs(layout.tensors);
// The second module is left out: its training checkpoints do not differ.
const deviations = Float64Array.from(pairs, (_, module) => (module === 1 ? 0 : 2 + module));
const loss = new DeltaLoss(layout, deviations, 1);

const BATCH = 2;
const tokens = numbers(3, BATCH * layout.size);
const targets = numbers(4, BATCH * layout.elementCount);

/** ΔW of a module, element by element in double precision. */
function dense(adapter: Float32Array | Float64Array, module: number): Float64Array {
  const { a, b } = pairs[module]!;
  const [[rows, rank], columns] = [b.shape, a.shape[1]];
  const product = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      for (let k = 0; k < rank; k++)
        product[row * columns + column]! +=
          adapter[b.offset + row * rank + k]! * adapter[a.offset + k * columns + column]!;
  return product;
}

const inner = (one: Float64Array, other: Float64Array) => one.reduce((sum, x, i) => sum + x * other[i]!, 0);
const minus = (one: Float64Array, other: Float64Array) => one.map((x, i) => x - other[i]!);

/** The adapter of weight tokens, in double precision. */
function adapterOf(values: ArrayLike<number>): Float64Array {
  const adapter = Float64Array.from(mean);
  for (const { part, shape, offset, firstToken } of layout.tensors) {
    for (let row = 0; row < shape[0]; row++) {
      for (let column = 0; column < shape[1]; column++) {
        const [along, across] = part === 'A' ? [column, row] : [row, column];
        const token = firstToken + Math.floor(along / layout.chunk);
        const element = (token * layout.tokenHeight + across) * layout.tokenWidth + (along % layout.chunk);
        adapter[offset + row * shape[1] + column]! += scales[token]! * values[element]!;
      }
    }
  }
  return adapter;
}

/** By the definition: the mean over the modules that count. */
function lossOf(adapter: Float32Array | Float64Array, target: Float32Array): number {
  const terms = pairs.flatMap((_, module) => {
    const difference = minus(dense(adapter, module), dense(target, module));
    return deviations[module]! > 0 ? [inner(difference, difference) / deviations[module]!] : [];
  });
  return terms.reduce((sum, term) => sum + term, 0) / terms.length;
}

const target = (index: number) => targets.subarray(index * layout.elementCount, (index + 1) * layout.elementCount);

test('sums and gradient are those of the definition, by finite differences in double precision', async () => {
  const weight = 0.5;
  const { sums, outputGradient } = await loss.gradient(tokens, targets, BATCH, weight, undefined);
  const largest = outputGradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const step = 1e-4;
  for (let index = 0; index < BATCH; index++) {
    const own = Float64Array.from(tokens.subarray(index * layout.size, (index + 1) * layout.size));
    expect(sums[index]!.weightedSquares / sums[index]!.valid).toBeCloseTo(lossOf(adapterOf(own), target(index)), 3);
    expect(sums[index]!.valid).toBe(pairs.length - 1);
    // Every 61st element meets all tensors, and places where a chunk does not fill its token.
    for (let i = 0; i < layout.size; i += 61) {
      const at = (value: number) => lossOf(adapterOf(own.with(i, own[i]! + value)), target(index));
      const expected = (weight * (at(step) - at(-step))) / (2 * step);
      expect(Math.abs(outputGradient[index * layout.size + i]! - expected)).toBeLessThan(1e-5 * largest);
    }
  }
});

test('a target with other factors and the same product gives the same sums and the same gradient', async () => {
  const turned = targets.slice();
  for (let index = 0; index < BATCH; index++) {
    for (const { a, b } of pairs) {
      // B's first column and A's first row: one doubled, the other halved.
      const offset = index * layout.elementCount;
      for (let row = 0; row < b.shape[0]; row++) turned[offset + b.offset + row * b.shape[1]]! *= -2;
      for (let column = 0; column < a.shape[1]; column++) turned[offset + a.offset + column]! /= -2;
    }
  }
  const one = await loss.gradient(tokens, targets, BATCH, 1, undefined);
  const other = await loss.gradient(tokens, turned, BATCH, 1, undefined);
  for (const [i, value] of one.outputGradient.entries()) expect(other.outputGradient[i]).toBeCloseTo(value, 4);
  expect(other.sums[0]!.weightedSquares).toBeCloseTo(one.sums[0]!.weightedSquares, 6);
});

test('a comparison gives loss, norm ratio and cosine of deviations from the mean adapter, over the modules that count', async () => {
  const [generated] = await loss.adapters(tokens, BATCH, undefined);
  const sums = new FitSums(layout, null);
  await loss.compare(generated!, target(0), sums, undefined);
  const fit = sums.fit();
  expect(fit.loss).toBeCloseTo(lossOf(generated!, target(0)), 6);
  let [own, wanted, cross] = [0, 0, 0];
  for (const [module, deviation] of deviations.entries()) {
    if (deviation === 0) continue;
    const [one, other] = [generated!, target(0)].map((adapter) => minus(dense(adapter, module), dense(mean, module)));
    own += inner(one!, one!) / deviation;
    wanted += inner(other!, other!) / deviation;
    cross += inner(one!, other!) / deviation;
  }
  expect(fit.normRatio).toBeCloseTo(Math.sqrt(own / wanted), 6);
  expect(fit.cosine).toBeCloseTo(cross / Math.sqrt(own * wanted), 6);
  expect(sums.modules().q_proj!.normRatio).toBeGreaterThan(0);
  // Module 1 is down_proj of layer 0.
  expect(sums.cells()[1]).toEqual({ layer: 0, module: 'down_proj', normRatio: 0, cosine: 0 });
});

test('an abort stops the work', async () => {
  await expect(loss.gradient(tokens, targets, BATCH, 1, AbortSignal.abort('enough'))).rejects.toBe('enough');
});
