import type { Generator } from '../../src/generator/generator.js';
import { SplitMix64 } from '../../src/random/split-mix.js';
import { createTiny } from './tiny.js';

const TEXTS = Array.from({ length: 10 }, (_, index) => `${index} apples and ${10 - index} pears`);
const SEED = 5;
const valuesOf = ({ tensors }: { tensors: ReadonlyMap<string, { data: Float32Array }> }) =>
  Array.from(tensors.values(), ({ data }) => [...data]).flat();

let generator: Generator;
beforeAll(async () => {
  generator = await createTiny();
});
afterAll(() => generator.dispose());

/** The groups of ten prompts for a generator that takes four. */
function groups(): string[][] {
  const order = SplitMix64.seeded(SEED).sample(10, 10);
  return [order.slice(0, 3), order.slice(3, 6), order.slice(6)].map((group) => group.map((index) => TEXTS[index]!));
}

async function meanOfGroups(): Promise<number[]> {
  const parts = [];
  for (const group of groups()) parts.push(valuesOf(await generator.generate(group, { seed: SEED })));
  const [one, two, three] = parts as [number[], number[], number[]];
  return one.map((value, at) => Math.fround(Math.fround(Math.fround(value + two[at]!) + three[at]!) / 3));
}

function expectClose(found: number[], expected: number[]): void {
  expect(found).toHaveLength(expected.length);
  const norm = Math.hypot(...expected);
  expect(Math.hypot(...found.map((value, at) => value - expected[at]!)) / norm).toBeLessThan(1e-5);
}

test('all prompts: the mean of the adapters of even groups in random order', async () => {
  const adapter = await generator.generate(TEXTS, { seed: SEED, allPrompts: true });
  expectClose(valuesOf(adapter), await meanOfGroups());
  expect(adapter.report.prompts).toMatchObject({
    given: 10,
    wanted: 4,
    used: 10,
    groups: 3,
    dropped: 0,
    repeated: 2,
  });
  expect(adapter.report.batch).toBe(3);
});

test('the same seed gives the same bytes, another one other groups', async () => {
  const make = async (seed: number) => valuesOf(await generator.generate(TEXTS, { seed, allPrompts: true }));
  const first = await make(1);
  expect(await make(1)).toEqual(first);
  expect(await make(2)).not.toEqual(first);
});

test('no more prompts than the generator takes are one group, as ever', async () => {
  const few = TEXTS.slice(0, 3);
  const all = await generator.generate(few, { seed: SEED, allPrompts: true });
  expect(valuesOf(all)).toEqual(valuesOf(await generator.generate(few, { seed: SEED })));
  expect(all.report.prompts).toMatchObject({ used: 3, groups: 1, repeated: 1 });
});

test.each([1, 2, 3, 8])(
  'several sets in batches of %i conditions: each is the mean of its own groups',
  async (batchSize) => {
    const sets = { many: TEXTS, few: TEXTS.slice(0, 2), again: [...TEXTS].reverse() };
    const found = new Map<string, number[]>();
    const fractions: number[] = [];
    const onProgress = (fraction: number) => fractions.push(fraction);
    for await (const { name, adapter } of generator.generateMany(sets, {
      seed: SEED,
      allPrompts: true,
      batchSize,
      onProgress,
    }))
      found.set(name, valuesOf(adapter));
    expect([...found.keys()]).toEqual(['many', 'few', 'again']);
    expectClose(found.get('many')!, await meanOfGroups());
    for (const name of ['few', 'again'] as const)
      expectClose(found.get(name)!, valuesOf(await generator.generate(sets[name], { seed: SEED, allPrompts: true })));
    expect(fractions).toEqual([...fractions].sort((one, other) => one - other));
    expect(fractions.at(-1)).toBe(1);
  },
);

test('prompts that are cut are named by their place in the whole set', async () => {
  const long = 'many words that go on and on and on and on';
  const texts = TEXTS.map((_, index) => (index === 7 ? long : 'short'));
  const { report } = await generator.generate(texts, { allPrompts: true });
  expect(report.prompts.truncated).toEqual([7]);
});
