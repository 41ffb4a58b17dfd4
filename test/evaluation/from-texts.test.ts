import { adaptersFrom } from '../../src/evaluation/from-texts.js';
import { createTiny, PROMPTS } from '../generator/tiny.js';

const TEXTS = Array.from({ length: 10 }, (_, index) => `${PROMPTS[index % 4]} (${index})`);
const options = { draws: 3, seed: 5, signal: undefined };
const valuesOf = (adapter: { tensors: ReadonlyMap<string, { data: Float32Array }> }) =>
  Array.from(adapter.tensors.values(), ({ data }) => [...data]).flat();

test('as many texts as the generator takes are what generate makes of all, draw by draw', async () => {
  await using generator = await createTiny();
  const adapters = await adaptersFrom(generator, TEXTS, 4, options);
  expect(adapters).toHaveLength(3);
  for (const [draw, adapter] of adapters.entries())
    expect(valuesOf(adapter)).toEqual(valuesOf(await generator.generate(TEXTS, { seed: 5 + draw })));
});

test('of fewer texts each draw takes others, and all of them are one draw', async () => {
  await using generator = await createTiny();
  const given: (readonly string[])[] = [];
  const seen: Pick<typeof generator, 'generate'> = {
    generate: (texts, settings) => {
      given.push(texts);
      return generator.generate(texts, settings);
    },
  };
  await adaptersFrom(seen, TEXTS, 2, options);
  expect(given.map((texts) => texts.length)).toEqual([2, 2, 2]);
  expect(new Set(given.map((texts) => texts.join())).size).toBe(3);
  given.length = 0;
  expect(await adaptersFrom(seen, TEXTS.slice(0, 3), 16, options)).toHaveLength(1);
  expect(given).toEqual([TEXTS.slice(0, 3)]);
});

test('of more texts than the generator takes, all are used', async () => {
  await using generator = await createTiny();
  const [adapter] = await adaptersFrom(generator, TEXTS, 16, options);
  const expected = await generator.generate(TEXTS, { seed: 5, allPrompts: true });
  expect(valuesOf(adapter!)).toEqual(valuesOf(expected));
  expect(expected.report.prompts).toMatchObject({ used: 10, groups: 3 });
});
