import fc from 'fast-check';
import { AdapterLayout, ResidualStatistics } from '../../src/adapter/index.js';
import { residualTokenGradient } from '../../src/adapter/residual-gradient.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { TINY_BASE } from '../generator/tiny.js';
import { anyBase, anyModules } from './bases.js';

/** Small whole numbers and scales that are powers of two or 0: every product and sum below is exact in float32. */
const SCALES = [0, 0.25, 1, 2];

function integers(random: SplitMix64, length: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, () => random.below(17) - 8);
}

function withScales(layout: AdapterLayout, random: SplitMix64): AdapterLayout {
  const scales = Float32Array.from({ length: layout.tokenCount }, () => SCALES[random.below(SCALES.length)]!);
  return layout.withResidual(new ResidualStatistics(integers(random, layout.elementCount), scales));
}

/** A loss that is linear in the adapter which the weight tokens become. */
function lossOf(layout: AdapterLayout, tokens: Float32Array, gradient: Float32Array): number {
  let loss = 0;
  for (const tensor of layout.tensors)
    for (const [index, value] of layout.reconstructTensor(tokens, tensor).entries())
      loss += value * gradient[tensor.offset + index]!;
  return loss;
}

function tokenGradient(layout: AdapterLayout, gradient: Float32Array, factor: number): Float32Array {
  // What was there before does not matter.
  const into = new Float32Array(layout.size).fill(Number.NaN);
  residualTokenGradient(layout, layout.residual!, gradient, factor, into);
  return into;
}

test('along any direction it is the change of the loss, exactly, in any layout', () => {
  const anyLayout = fc
    .record({
      base: anyBase,
      rank: fc.integer({ min: 1, max: 5 }),
      modules: anyModules,
      chunk: fc.option(fc.integer({ min: 1, max: 90 }), { nil: undefined }),
    })
    .map((options) => new AdapterLayout({ ...options, normalisation: 'residual' }));
  fc.assert(
    fc.property(anyLayout, fc.integer({ min: 0, max: 1e6 }), (plain, seed) => {
      const random = SplitMix64.seeded(seed);
      const layout = withScales(plain, random);
      const gradient = integers(random, layout.elementCount);
      const tokens = integers(random, layout.size);
      const direction = integers(random, layout.size);
      const moved = tokens.map((value, index) => value + direction[index]!);
      const change = lossOf(layout, moved, gradient) - lossOf(layout, tokens, gradient);
      const predicted = tokenGradient(layout, gradient, 4).reduce((sum, own, i) => sum + own * direction[i]!, 0);
      expect(predicted).toBe(4 * change);
    }),
    { numRuns: 40, seed: 5 },
  );
});

test('element by element: of A and of B, in short last chunks too, and zero where nothing is', () => {
  // 64 and 96 columns: the last chunk of each tensor has 4 or 16 of 20.
  const plain = new AdapterLayout({
    ...{ base: TINY_BASE, rank: 3, modules: ['q_proj', 'down_proj'], chunk: 20 },
    normalisation: 'residual',
  });
  const random = SplitMix64.seeded(9);
  const layout = withScales(plain, random);
  const gradient = integers(random, layout.elementCount).map((value) => value || 1);
  const tokens = new Float32Array(layout.size);
  const before = lossOf(layout, tokens, gradient);
  const expected = tokens.map((_, index) => {
    tokens[index] = 1;
    const change = lossOf(layout, tokens, gradient) - before;
    tokens[index] = 0;
    return change;
  });
  // A scale of 0 makes zeros of either sign.
  expect(tokenGradient(layout, gradient, 1).map((value) => value || 0)).toEqual(expected);

  const { scales } = layout.residual!;
  const { tokenHeight, tokenWidth } = layout;
  const places = Array.from(expected.keys(), (index) => {
    const token = Math.floor(index / (tokenHeight * tokenWidth));
    const tensor = layout.tensors.find((one) => token < one.firstToken + one.tokenCount)!;
    const length = tensor.part === 'A' ? tensor.shape[1] : tensor.shape[0];
    const column = (token - tensor.firstToken) * layout.chunk + (index % tokenWidth);
    return { part: tensor.part, beyond: column >= length, still: scales[token] === 0 };
  });
  const zeros = places.map(({ beyond, still }) => beyond || still);
  expect(Array.from(expected, (value) => value === 0)).toEqual(zeros);
  for (const part of ['A', 'B'] as const)
    for (const kind of ['beyond', 'still'] as const)
      expect(places.some((place) => place.part === part && place[kind])).toBe(true);
});
