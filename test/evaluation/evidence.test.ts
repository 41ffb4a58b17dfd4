import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();
const SCRIPT = join(__dirname, '..', '..', 'scripts', 'evidence.cjs');

function evidence(...parameters: string[]): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, DND_EVIDENCE_DOCS: folder() };
  return promisify(execFile)(process.execPath, [SCRIPT, ...parameters], { env });
}

async function addWorld(split: number, seed: number, generated: number, world = ['pocket']): Promise<void> {
  const row = (id: string, label: string, value: number) => ({
    row: id,
    label,
    exactMatch: { mean: value, low: value - 0.1, high: value + 0.1 },
    logLikelihood: { mean: -value },
  });
  const evaluation = {
    formatVersion: 1,
    createdBy: 'a test',
    tasks: [{ name: 'a', test: 4 }],
    singles: { tried: 2, of: 2 },
    draws: 1,
    method: 'none',
    rows: [row('base', 'base model', 0), row('generated', 'generated', generated)],
    comparisons: [{ with: 'base', outcome: generated > 0 ? 'better' : 'no difference shown' }],
    verdict: { headline: generated > 0 ? 'It works.' : 'It does not help.' },
  };
  const path = join(folder(), 'eval.json');
  await writeFile(path, JSON.stringify(evaluation));
  const [name, part] = world;
  const of = ['--world', name!, ...(part === undefined ? [] : ['--part', part])];
  await evidence('add', ...of, '--split', String(split), '--seed', String(seed), path);
}

const page = () => readFile(join(folder(), 'evidence.md'), 'utf8');

test('the page gives mean, deviation and range over worlds, and what is said of each', async () => {
  await addWorld(1, 1, 0.5);
  await addWorld(2, 1, 0);
  await addWorld(2, 1, 0.7);
  await addWorld(1, 2, 0);
  await evidence();
  expect(await page()).toContain('3 worlds: 2 splits into training tasks and held-out tasks, 2 seeds');
  expect(await page()).toContain('**That is too few**');
  expect(await page()).toContain('| **generated** | 40.0 ± 36.1 | 0.0 – 70.0 | -0.400 |  |');
  expect(await page()).toContain('| base model | 0.0 ± 0.0 | 0.0 – 0.0 | 0.000 | 2 of 3 |');
  expect(await page()).toContain('- 2 of 3 worlds: "It works."');
  expect(await page()).toContain('| 2 | 1 | 1 | 4 | 0.0 | – | – | 70.0 (60.0 – 80.0) | – |');
});

test('--check fails where the page is not that of the figures', async () => {
  await addWorld(1, 1, 0.5);
  await evidence();
  await evidence('--check');
  await addWorld(1, 1, 0.6);
  await expect(evidence('--check')).rejects.toMatchObject({ stderr: expect.stringContaining('is not the page of') });
});

test('worlds on a real base have a section of their own', async () => {
  await addWorld(1, 1, 0.5);
  await addWorld(1, 1, 0.8, ['house-styles', 'tasks']);
  await evidence();
  const [pocket, styles] = (await page()).split('## House styles on SmolLM2-135M-Instruct');
  expect(pocket).toContain('| **generated** | 50.0 | 40.0 – 60.0 | -0.500 |  |');
  expect(styles).toContain('### On more held-out tasks');
  expect(styles).toContain('| **generated** | 80.0 | 70.0 – 90.0 | -0.800 |  |');
  expect(styles).not.toContain('### Beside LoRAs of single tasks');
});

test('what it cannot read is refused by name', async () => {
  await expect(evidence()).rejects.toMatchObject({ stderr: expect.stringContaining('has no worlds') });
  await writeFile(join(folder(), 'other.json'), '{}');
  const add = (...of: string[]) => evidence('add', ...of, '--split', '1', '--seed', '1', join(folder(), 'other.json'));
  const refusal = (text: string) => ({ stderr: expect.stringContaining(text) });
  await expect(add('--world', 'pocket')).rejects.toMatchObject(refusal('other.json: expected an evaluation'));
  await expect(add('--world', 'rocket')).rejects.toMatchObject(refusal('--world: expected pocket or house-styles'));
  await expect(add('--world', 'house-styles')).rejects.toMatchObject(refusal('--part: expected singles or tasks'));
});
