import { AdapterLayout, type BaseModel } from '../../src/adapter/index.js';
import { Generator } from '../../src/generator/generator.js';
import type { CreateOptions } from '../../src/generator/load-options.js';

/** A base model of two layers with the proportions of a Qwen2. */
export const TINY_BASE: BaseModel = {
  name: 'tiny/qwen2',
  modelType: 'qwen2',
  hidden: 64,
  heads: 4,
  kvHeads: 2,
  headDim: 16,
  intermediate: 96,
  layers: 2,
};

const layout = new AdapterLayout({ base: TINY_BASE, rank: 2 });

/** What the tiny base needs at rank 2. */
export const TINY_TOKENS = [layout.tokenCount, layout.tokenHeight, layout.tokenWidth] as const;

export const TINY_SETTINGS = {
  base: TINY_BASE,
  encoder: 'hash',
  features: [[4, 8, 16], [6, 6, 12], TINY_TOKENS],
  kernelSize: 3,
  rank: 2,
} as const satisfies CreateOptions;

/** Takes about a hundred times as long as the tiny one: time enough to stop it midway. */
export const SLOW_SETTINGS = {
  ...TINY_SETTINGS,
  features: [[64, 48, 64], [128, 48, 64], [128, 48, 64], TINY_TOKENS],
  kernelSize: 9,
} as const satisfies CreateOptions;

export function createTiny(changes: Partial<CreateOptions> = {}): Promise<Generator> {
  return Generator.create({ ...TINY_SETTINGS, ...changes });
}

export const PROMPTS = [
  'Which gas do plants take from the air?',
  'What force pulls objects towards the Earth?',
  'Which planet is closest to the Sun?',
  'What do bees collect from flowers?',
];
