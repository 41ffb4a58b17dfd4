import type { GeneratedAdapter } from '../../src/generator/generated-adapter.js';
import type { Generator } from '../../src/generator/generator.js';
import { digestOf } from './bytes.js';
import { createTiny, PROMPTS } from './tiny.js';

let generator: Generator;

beforeAll(async () => {
  generator = await createTiny();
});

afterAll(() => generator.dispose());

const SETS = {
  science: PROMPTS,
  few: ['Why is the sky blue?'],
  many: Array.from({ length: 9 }, (_, index) => `What is ${index} times ${index}?`),
};

async function all(sets: Parameters<Generator['generateMany']>[0], options?: Parameters<Generator['generateMany']>[1]) {
  const made: { name: string; adapter: GeneratedAdapter }[] = [];
  for await (const one of generator.generateMany(sets, options)) made.push(one);
  return made;
}

test.each([1, 2, 3, 8])('gives what generate gives, in the order of the sets, with %i at a time', async (batchSize) => {
  const made = await all(SETS, { batchSize, seed: 4 });
  expect(made.map(({ name }) => name)).toEqual(['science', 'few', 'many']);
  for (const { name, adapter } of made) {
    const alone = await generator.generate(SETS[name as keyof typeof SETS], { seed: 4 });
    expect(digestOf(adapter)).toBe(digestOf(alone));
    expect(adapter.report.prompts).toEqual(alone.report.prompts);
  }
  expect(made.map(({ adapter }) => adapter.report.batch)).toEqual(
    batchSize === 2 ? [2, 2, 1] : Array(3).fill(Math.min(batchSize, 3)),
  );
});

test('takes pairs, of which two may have one name', async () => {
  const pairs = new Map([['a', ['one']]]).entries();
  expect((await all(pairs)).map(({ name }) => name)).toEqual(['a']);
  const twins = await all([
    ['a', ['one']],
    ['a', ['two']],
  ]);
  expect(twins.map(({ name }) => name)).toEqual(['a', 'a']);
  expect(digestOf(twins[0]!.adapter)).not.toBe(digestOf(twins[1]!.adapter));
});

test('of no sets gives nothing', async () => {
  expect(await all({})).toEqual([]);
});

test('has one progress over all sets', async () => {
  const fractions: number[] = [];
  await all(SETS, { batchSize: 2, onProgress: (fraction) => fractions.push(fraction) });
  expect(fractions).toEqual([...fractions].sort((one, other) => one - other));
  expect(fractions.at(-1)).toBe(1);
});

test.each([
  ['a set without prompts', { good: PROMPTS, bad: [] }, 'INVALID_PROMPTS', 'prompt set "bad" is empty'],
  ['a set with an empty prompt', [['bad', ['a', '']]], 'INVALID_PROMPTS', 'prompt set "bad": prompt 2 is empty'],
  ['a list of prompts', PROMPTS, 'INVALID_PROMPTS', 'pairs [name, prompts]'],
  ['nothing', null, 'INVALID_PROMPTS', 'the prompt sets must be'],
])('%s is refused before any work is done', async (_what, sets, code, message) => {
  const onProgress = jest.fn();
  await expect(all(sets as never, { onProgress })).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
  expect(onProgress).not.toHaveBeenCalled();
});

test('of an async iterable gives the same adapters as of its pairs', async () => {
  async function* sets() {
    for (const pair of Object.entries(SETS)) yield pair;
  }
  const names = (made: Awaited<ReturnType<typeof all>>) => made.map(({ name }) => name);
  expect(names(await all(sets()))).toEqual(Object.keys(SETS));
});

test('what an async iterable throws comes out, and nothing is made', async () => {
  const reason = new Error('the source broke');
  async function* sets(): AsyncGenerator<[string, string[]]> {
    yield ['good', PROMPTS];
    throw reason;
  }
  await expect(all(sets())).rejects.toBe(reason);
});

test.each([[''], ['.'], ['..'], ['../other'], ['a/../../b'], ['a//b'], ['/tmp/a'], ['a\\..\\b'], ['a\0']])(
  'a set named %j, whose adapter would leave the folder it is saved in, is refused',
  async (name) => {
    await expect(all([[name, PROMPTS]])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('the name of a prompt set'),
    });
  },
);

test.each(['...', 'a.b', 'mathematics/gsm8k', 'ünï code'])('a set may be named %j', async (name) => {
  const [made] = await all([[name, PROMPTS]]);
  expect(made?.name).toBe(name);
});

test('a batch of none is refused', async () => {
  await expect(all(SETS, { batchSize: 0 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

test('may be left early; the generator is then free for others', async () => {
  for await (const { name } of generator.generateMany(SETS, { batchSize: 1 })) {
    expect(name).toBe('science');
    break;
  }
  expect((await generator.generate(PROMPTS)).tensors.size).toBe(28);
});
