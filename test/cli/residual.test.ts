import { readFile } from 'node:fs/promises';
import { AdapterLayout } from '../../src/adapter/index.js';
import type { PairsStatistics } from '../../src/training/pairs/index.js';
import { TINY_BASE } from '../generator/tiny.js';
import { TINY_PAIRS } from '../training/run-workshop.js';
import { writePairs } from '../training/workshop.js';
import { dnd, dndJson } from './run-cli.js';
import { useWorkshop } from './workshop.js';

jest.setTimeout(60_000);

const { at } = useWorkshop();
const { tokenCount, tokenHeight, tokenWidth } = new AdapterLayout({
  base: TINY_BASE,
  rank: 2,
  normalisation: 'residual',
});
const FEATURES = JSON.stringify([
  [4, 8, 16],
  [6, 6, 12],
  [tokenCount, tokenHeight, tokenWidth],
]);
const RESIDUAL = ['--normalisation', 'residual', '--features', FEATURES, '--kernel-size', 3, '--encoder', 'hash'];

beforeEach(() => writePairs(at('pairs'), TINY_PAIRS));

test('a residual run from training to the report says what its numbers are of', async () => {
  const settings = ['--steps', 12, '--batch', 4, '--learning-rate', 1e-3, '--evaluate-every', 6];
  const { code, stderr } = await dnd(['train', '--pairs', at('pairs'), ...RESIDUAL, ...settings, '--out', at('run')]);
  expect([code, stderr]).toEqual([0, expect.stringContaining('computing the mean of the checkpoints …\n')]);
  expect(stderr).toContain('note: norm ratio and cosine are those of deviations from the mean');
  const generate = ['generate', '--generator', at('run', 'latest'), '--prompts', at('pairs', 'plants', 'prompts.json')];
  expect((await dnd([...generate, '--out', at('adapter')])).code).toBe(0);
  expect((await dnd(['inspect', at('run', 'latest')])).stdout).toContain('normalisation residual');
  expect((await dnd(['plan', at('run', 'latest')])).code).toBe(0);
  expect((await dnd(['report', at('run')])).code).toBe(0);
  const page = await readFile(at('run', 'report.html'), 'utf8');
  for (const words of ['Norm ratio of deviations', 'true deviations from the mean adapter', 'the mean adapter has 1'])
    expect(page).toContain(words);
  expect(page).not.toContain('in a run that works');
});

test('a dry run and statistics of the pairs take the normalisation; a new generator is told the way out', async () => {
  const dry = await dnd(['train', '--pairs', at('pairs'), ...RESIDUAL, '--dry-run']);
  expect([dry.code, dry.stdout]).toEqual([0, expect.stringContaining(', normalisation residual')]);
  const stats = ['pairs', 'stats', at('pairs')];
  const { result } = await dndJson<PairsStatistics>([...stats, '--normalisation', 'residual']);
  expect(result.weightTokens).toMatchObject({ height: tokenHeight, width: tokenWidth, normalisation: 'residual' });
  const { result: chunk } = await dndJson<PairsStatistics>(stats);
  expect(chunk.weightTokens.normalisation).toBe('chunk');
  expect(chunk.importance).not.toEqual(result.importance);
  const init = await dnd(['init', '--base', at('base'), ...RESIDUAL, '--out', at('generator')]);
  expect([init.code, init.stderr]).toEqual([2, expect.stringContaining('dnd train --normalisation residual')]);
});
