import { join } from 'node:path';
import { Generator } from '../../src/generator/generator.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { createTiny, PROMPTS } from './tiny.js';

const folder = useTemporaryFolder();

/** Work that takes no time: of all that could be reported only what must be is. */
beforeEach(() => {
  jest.spyOn(performance, 'now').mockReturnValue(1000);
});
afterEach(() => {
  jest.restoreAllMocks();
});

function recorder() {
  const seen: [fraction: number, stage: string][] = [];
  const onProgress = (fraction: number, stage: string) => {
    seen.push([fraction, stage]);
  };
  return { onProgress, stages: () => seen.map(([, stage]) => stage), last: () => seen.at(-1) };
}

test('loading, making and saving a generator report their first and their last progress, and no burst between', async () => {
  const [made, saved, loaded] = [recorder(), recorder(), recorder()];
  const generator = await createTiny({ onProgress: made.onProgress });
  await generator.save(join(folder(), 'generator'), { onProgress: saved.onProgress });
  generator.dispose();
  (await Generator.load(join(folder(), 'generator'), { onProgress: loaded.onProgress })).dispose();
  expect(made.stages()).toEqual(['initialise']);
  expect(saved.stages()).toEqual(['save', 'save']);
  expect(loaded.stages()).toEqual(['load', 'load']);
  expect([made, saved, loaded].map(({ last }) => last()?.[0])).toEqual([1, 1, 1]);
});

test('generate reports each stage once, and the end', async () => {
  const generator = await createTiny();
  const { onProgress, stages, last } = recorder();
  await generator.generate(PROMPTS, { onProgress });
  generator.dispose();
  expect(stages()).toEqual(['encode', 'decode', 'restore', 'restore']);
  expect(last()).toEqual([1, 'restore']);
});

test('generateMany does so for all sets together', async () => {
  const generator = await createTiny();
  const { onProgress, stages, last } = recorder();
  const sets = Array.from({ length: 6 }, (_, index): [string, string[]] => [`${index}`, PROMPTS]);
  for await (const _ of generator.generateMany(sets, { batchSize: 1, onProgress }));
  generator.dispose();
  expect(stages()).toEqual(['encode', 'decode', 'restore', 'restore']);
  expect(last()).toEqual([1, 'restore']);
});
