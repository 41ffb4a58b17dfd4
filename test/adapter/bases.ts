import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { type BaseModel, baseModelFromConfig, MODULE_NAMES } from '../../src/adapter/index.js';

export const FIXTURES = join(__dirname, '..', 'fixtures');

export function configPath(name: string): string {
  return join(FIXTURES, 'bases', `${name}.json`);
}

export function base(name: string): BaseModel {
  return baseModelFromConfig(JSON.parse(readFileSync(configPath(name), 'utf8')), name);
}

/** Small bases of every kind of width: the query width need not be the hidden size, nor even. */
export const anyBase: fc.Arbitrary<BaseModel> = fc
  .record({
    hidden: fc.integer({ min: 1, max: 140 }),
    kvHeads: fc.integer({ min: 1, max: 4 }),
    groups: fc.integer({ min: 1, max: 3 }),
    headDim: fc.integer({ min: 1, max: 24 }),
    intermediate: fc.integer({ min: 1, max: 150 }),
    layers: fc.integer({ min: 1, max: 2 }),
  })
  .map(({ groups, kvHeads, ...rest }) => ({
    name: null,
    modelType: 'llama',
    kvHeads,
    heads: kvHeads * groups,
    ...rest,
  }));

export const anyModules = fc.shuffledSubarray([...MODULE_NAMES], { minLength: 1 });
