import { join } from 'node:path';
import { TYPESCRIPT } from '../engine/child.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { differencesOf, runAndKill } from './killed-runs.js';

const COMMAND = [...TYPESCRIPT, join(__dirname, '../../src/cli/main.ts')];

jest.setTimeout(120_000);

const folder = useTemporaryFolder();

// A hundred kills: test/interop/kill_resume.py.
test('runs that are killed at random moments and resumed end as if they had not been', async () => {
  const options = { folder: folder(), kills: 8, seed: 1, steps: 12, checkpointEvery: 2, command: COMMAND };
  const { kills, runs, problems } = await runAndKill(options);
  expect(problems).toEqual([]);
  expect(kills).toHaveLength(8);
  expect(runs.reduce((total, run) => total + run.kills, 0)).toBe(8);
  // The comparison would fail if they did not.
  const [one, other] = ['fp32', '8bit'].map((moments) => join(folder(), `uninterrupted-${moments}`));
  expect(await differencesOf(one!, other!)).toContain('metrics.jsonl differs');
});
