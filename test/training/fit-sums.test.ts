import { AdapterLayout } from '../../src/adapter/index.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { FitSums } from '../../src/training/fit-sums.js';
import { TINY_BASE } from '../generator/tiny.js';

// q_proj's chunks are shorter than the tokens, so that some elements are NaN.
const layout = new AdapterLayout({ base: TINY_BASE, rank: 3, modules: ['q_proj', 'down_proj'], chunk: 60 });

function values(seed: number, holes: boolean): Float32Array {
  const random = SplitMix64.seeded(seed);
  return Float32Array.from({ length: layout.size }, (_, index) => {
    random.step();
    return holes && index % 7 === 0 ? Number.NaN : random.high / 2 ** 31 - 1;
  });
}

const importance = Float32Array.from({ length: layout.tokenCount }, (_, token) => 0.5 + token / 10);
const size = layout.tokenHeight * layout.tokenWidth;

/** The definition, over the elements that `wanted` takes. */
function fit(pairs: [Float32Array, Float32Array][], wanted: (token: number) => boolean) {
  let [count, loss, generatedSquares, trueSquares, product] = [0, 0, 0, 0, 0];
  for (const [generated, target] of pairs)
    for (const [index, goal] of target.entries()) {
      const token = Math.floor(index / size);
      if (Number.isNaN(goal) || !wanted(token)) continue;
      count++;
      loss += importance[token]! * (generated[index]! - goal) ** 2;
      generatedSquares += generated[index]! ** 2;
      trueSquares += goal ** 2;
      product += generated[index]! * goal;
    }
  return {
    loss: loss / count,
    normRatio: Math.sqrt(generatedSquares / trueSquares),
    cosine: product / Math.sqrt(generatedSquares * trueSquares),
  };
}

function expectClose(found: Record<string, unknown>, expected: Record<string, number>): void {
  for (const [key, value] of Object.entries(expected)) expect(found[key]).toBeCloseTo(value, 10);
}

test('loss, norm ratio and cosine are those of the definition, for all, each projection, each layer', async () => {
  const pairs: [Float32Array, Float32Array][] = [
    [values(1, false), values(2, true)],
    [values(3, false), values(4, true)],
  ];
  const one = new FitSums(layout, importance);
  await one.add(...pairs[0]!, undefined);
  const both = new FitSums(layout, importance);
  await both.add(...pairs[1]!, undefined);
  both.addAll(one);
  expectClose(
    one.fit() as never,
    fit([pairs[0]!], () => true),
  );
  expectClose(
    both.fit() as never,
    fit(pairs, () => true),
  );
  const tokensOf = (wanted: (tensor: (typeof layout.tensors)[number]) => boolean) => {
    const tensors = layout.tensors.filter(wanted);
    return (token: number) =>
      tensors.some(({ firstToken, tokenCount }) => token >= firstToken && token < firstToken + tokenCount);
  };
  expect(Object.keys(both.modules())).toEqual(['q_proj', 'down_proj']);
  for (const [name, found] of Object.entries(both.modules()))
    expectClose(
      found as never,
      fit(
        pairs,
        tokensOf(({ module }) => module === name),
      ),
    );
  const cells = both.cells();
  expect(cells).toHaveLength(4);
  for (const { layer, module, normRatio, cosine } of cells) {
    const { loss: _, ...expected } = fit(
      pairs,
      tokensOf((tensor) => tensor.layer === layer && tensor.module === module),
    );
    expectClose({ normRatio, cosine }, expected);
  }
});

test('what is right has norm ratio and cosine 1, and no loss', async () => {
  const sums = new FitSums(layout, null);
  const target = values(5, true);
  await sums.add(
    target.map((value) => value || 0),
    target,
    undefined,
  );
  const { loss, normRatio, cosine } = sums.fit();
  expect([loss, normRatio]).toEqual([0, 1]);
  expect(cosine).toBeCloseTo(1, 12);
});

test('nothing generated has norm ratio and cosine 0, not NaN', async () => {
  const sums = new FitSums(layout, null);
  await sums.add(new Float32Array(layout.size), values(5, true), undefined);
  expect(sums.fit()).toMatchObject({ normRatio: 0, cosine: 0 });
  expect(new FitSums(layout, null).fit()).toEqual({ loss: 0, normRatio: 0, cosine: 0 });
});
