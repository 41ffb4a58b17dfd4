import { readFile } from 'node:fs/promises';
import { TINY_TOKENS } from '../generator/tiny.js';
import { TINY_PAIRS } from '../training/run-workshop.js';
import { writePairs } from '../training/workshop.js';
import { dnd } from './run-cli.js';
import { useWorkshop } from './workshop.js';

jest.setTimeout(120_000);

const { at } = useWorkshop();
const FEATURES = JSON.stringify([[4, 8, 16], [6, 6, 12], TINY_TOKENS]);

test('a run with principal components as the condition, from training to the report', async () => {
  await writePairs(at('pairs'), TINY_PAIRS);
  const decoder = ['--features', FEATURES, '--kernel-size', 3, '--encoder', 'hash', '--condition-components', 16];
  const settings = ['--steps', 2, '--batch', 2, '--evaluate-every', 0];
  const { code, stderr } = await dnd(['train', '--pairs', at('pairs'), ...decoder, ...settings, '--out', at('run')]);
  expect([code, stderr]).toEqual([0, expect.stringContaining('computing principal components …\n')]);
  const generate = ['generate', '--generator', at('run', 'latest'), '--prompts', at('pairs', 'plants', 'prompts.json')];
  expect((await dnd([...generate, '--out', at('adapter')])).code).toBe(0);
  const words = 'padding zero, pooling none, 16 whitened principal components';
  expect((await dnd(['inspect', at('run', 'latest')])).stdout).toContain(words);
  expect((await dnd(['report', at('run')])).code).toBe(0);
  expect(await readFile(at('run', 'report.html'), 'utf8')).toContain(words);
});
