import { join } from 'node:path';
import { readPeft } from '../../src/adapter/index.js';
import { Generator } from '../../src/generator/generator.js';
import { relativeError } from '../../src/verify/compare.js';
import { PROMPTS } from './tiny.js';

const FIXTURES = join(__dirname, '../fixtures/generator');

test.each(['format-1'])('a generator of %s is read, and makes the adapter that it made then', async (name) => {
  const generator = await Generator.load(join(FIXTURES, name));
  const { tensors, config } = await generator.generate(PROMPTS, { seed: 3 });
  generator.dispose();
  const then = await readPeft(join(FIXTURES, `${name}-adapter`));
  expect([...tensors.keys()].sort()).toEqual([...then.tensors.keys()].sort());
  for (const [tensor, { data }] of then.tensors)
    expect(relativeError(tensors.get(tensor)!.data, data)).toBeLessThan(1e-5);
  expect(config).toMatchObject({ rank: then.config.rank, alpha: then.config.alpha, useRslora: then.config.useRslora });
});
