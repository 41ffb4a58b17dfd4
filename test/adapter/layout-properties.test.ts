import fc from 'fast-check';
import { AdapterLayout, modulesOf } from '../../src/adapter/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { anyBase } from './bases.js';

const anyLayout = fc
  .constantFrom('llama', 'llama', 'phi3', 'qwen3_moe')
  .chain((modelType) =>
    fc.record({
      base: anyBase.map((base) => ({ ...base, modelType })),
      rank: fc.integer({ min: 1, max: 9 }),
      modules: fc.shuffledSubarray([...modulesOf(modelType)], { minLength: 1 }),
      chunk: fc.option(fc.integer({ min: 1, max: 150 }), { nil: undefined }),
    }),
  )
  .map((options) => new AdapterLayout(options));

function randomWeights(layout: AdapterLayout, seed: number, scale: number, mean: number): Map<string, Float32Array> {
  const random = SplitMix64.seeded(seed);
  const uniform = () => random.below(2 ** 24) / 2 ** 23 - 1;
  return new Map(
    layout.tensors.map(({ name, shape }) => [
      name,
      Float32Array.from({ length: shape[0] * shape[1] }, () => mean + scale * uniform()),
    ]),
  );
}

test('weights → tokens → weights is the identity, whatever the base, rank, modules and chunk', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyLayout,
      fc.integer({ min: 0, max: 1e6 }),
      fc.constantFrom(0.01, 0.1, 1),
      fc.constantFrom(0, 0.05),
      async (layout, seed, scale, mean) => {
        const weights = randomWeights(layout, seed, scale, mean);
        const reconstructed = await layout.reconstruct(layout.tokenise(weights));
        expect([...reconstructed.keys()]).toEqual(layout.tensors.map(({ name }) => name));
        for (const tensor of layout.tensors) {
          const data = reconstructed.get(tensor.name)!;
          const worst = weights
            .get(tensor.name)!
            .reduce((max, value, i) => Math.max(max, Math.abs(value - data[i]!)), 0);
          // float32 margins: m carries 8·mean, s a logarithm, each to 6e-8 of its size.
          expect(worst).toBeLessThan(1e-6 * (scale + mean + 0.1));
        }
      },
    ),
    { numRuns: 100, seed: 7 },
  );
});

test('every element of every tensor is in one place of the tokens, and the rest of them is margin or NaN', () => {
  fc.assert(
    fc.property(anyLayout, (layout) => {
      const { tokenHeight, tokenWidth, tokenCount, rank } = layout;
      const tokens = layout.tokenise(randomWeights(layout, 1, 1, 0));
      const size = tokenHeight * tokenWidth;
      expect(tokenHeight % 2).toBe(0);
      expect(tokenWidth % 2).toBe(0);
      const counts = layout.elementCounts();
      let elements = 0;
      for (let token = 0; token < tokenCount; token++) {
        const values = tokens.subarray(token * size, (token + 1) * size);
        expect(values.filter((value) => !Number.isNaN(value))).toHaveLength(counts[token]!);
        for (let row = 0; row < tokenHeight - 2; row++) {
          const inside = values.subarray(row * tokenWidth, (row + 1) * tokenWidth - 2);
          const present = inside.filter((value) => !Number.isNaN(value)).length;
          expect(inside.subarray(0, present).some(Number.isNaN)).toBe(false);
          if (row >= rank) expect(present).toBe(0);
          elements += present;
        }
      }
      expect(elements).toBe(layout.tensors.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0));
      const options = { chunk: layout.chunk, normalisation: 'residual' } as const;
      const residual = AdapterLayout.fromTensors(layout.tensors, options).elementCounts();
      expect(residual.reduce((sum, count) => sum + count, 0)).toBe(elements);
    }),
    { numRuns: 60, seed: 8 },
  );
});

test('the layout of a base is also that of its tensors, in any order and by any spelling of their names', () => {
  fc.assert(
    fc.property(anyLayout, fc.integer({ min: 0, max: 1e6 }), fc.boolean(), (layout, seed, prefix) => {
      const random = SplitMix64.seeded(seed);
      const shapes = layout.tensors.map(({ name, shape }) => ({
        name: prefix ? name : name.replace('base_model.model.', '').replace('.weight', '.default.weight'),
        shape,
        key: random.below(1e9),
      }));
      shapes.sort((a, b) => a.key - b.key);
      const derived = AdapterLayout.fromTensors(shapes, { chunk: layout.chunk });
      expect(derived.tensors).toEqual(layout.tensors);
      expect(derived.modules).toEqual(layout.modules);
      expect(AdapterLayout.fromTensors(shapes).chunk).toBe(
        new AdapterLayout({ base: layout.base!, rank: layout.rank, modules: layout.modules }).chunk,
      );
    }),
    { numRuns: 60, seed: 9 },
  );
});
