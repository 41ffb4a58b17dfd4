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

const around = (mean: number) => ({ mean, low: mean - 0.1, high: mean + 0.1 });

async function addWorld(
  split: number,
  seed: number,
  generated: number,
  world = ['pocket'],
  index?: object,
): Promise<void> {
  const row = (id: string, label: string, value: number) => ({
    row: id,
    label,
    exactMatch: around(value),
    logLikelihood: { mean: -value },
    tasks: { a: { exactMatch: [value] }, b: { exactMatch: [value] } },
  });
  const evaluation = {
    formatVersion: 1,
    createdBy: 'a test',
    tasks: ['a', 'b'].map((name) => ({ name, test: 2 })),
    singles: { tried: 2, of: 2 },
    draws: 1,
    method: 'none',
    rows: [row('base', 'base model', 0), row('generated', 'generated', generated)],
    comparisons: [{ with: 'base', outcome: generated > 0 ? 'better' : 'no difference shown', ...around(generated) }],
    shareOfOwn: around(0.9),
    verdict: { headline: generated > 0 ? 'It works.' : 'It does not help.' },
  };
  const path = join(folder(), 'eval.json');
  await writeFile(path, JSON.stringify(evaluation));
  const [name, part] = world;
  const of = ['--world', name!, ...(part === undefined ? [] : ['--part', part])];
  const marked = index === undefined ? [] : ['--index', join(folder(), 'index.json')];
  if (index !== undefined) await writeFile(join(folder(), 'index.json'), JSON.stringify({ tasks: index }));
  await evidence('add', ...of, '--split', String(split), '--seed', String(seed), ...marked, path);
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
  expect(await page()).toContain('| 2 | 1 | 2 | 4 | 0.0 | – | – | 70.0 (60.0 – 80.0) | – |');
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
  expect(styles).toContain('| **generated** | 80.0 (70.0 – 90.0) |  | -0.800 |');
  expect(styles).toContain('| base model | 0.0 (-10.0 – 10.0) | +80.0 (+70.0 – +90.0) | 0.000 |');
  expect(styles).toContain('LoRAs add to the joint LoRA they reach 90.0 % (80.0 – 100.0)');
  expect(styles).not.toContain('### Beside LoRAs of single tasks');
});

test('of several builds, the spread between them is in the intervals', async () => {
  const parts = ['instructions', 'tasks'];
  const index = [
    { name: 'a', shippable: false },
    { name: 'b', licence: 'MIT' },
  ];
  for (const [seed, generated] of [0.4, 0.6, 0.8].entries()) await addWorld(1, seed + 1, generated, parts, index);
  await evidence();
  await evidence('--check');
  const text = await page();
  expect(text).toContain('## Instruction tasks on SmolLM2-135M-Instruct');
  expect(text).toContain('3 builds (seeds 1, 2, 3), each: 2 held-out tasks, 4 test items, 1 draw of prompts, ');
  expect(text).toContain('Of data for research only, in the table and in nothing that is shipped: `a`.');
  // Every task has the same value in a build: all of the interval is of builds.
  const found = /\| \*\*generated\*\* \| 60\.0 \((\d+\.\d) – (\d+\.\d)\) \| {2}\|/.exec(text)!;
  expect(Number(found[1])).toBeCloseTo(40);
  expect(Number(found[2])).toBeCloseTo(80);
  expect(text).toMatch(/\| base model \| 0\.0 \(0\.0 – 0\.0\) \| \+60\.0 \(\+40\.0 – \+80\.0\) \|/);
});

test('figures that older versions added are shown as they are', async () => {
  await addWorld(1, 1, 0.8, ['house-styles', 'tasks']);
  const path = join(folder(), 'evidence.json');
  const figures = JSON.parse(await readFile(path, 'utf8'));
  const [{ taskNames, shareOfOwn, ...world }] = figures.worlds;
  expect([taskNames, shareOfOwn]).toEqual([
    ['a', 'b'],
    [0.9, 0.8, 1],
  ]);
  const rows = world.rows.map(({ values: _, difference: __, ...row }: Record<string, unknown>) => row);
  await writeFile(path, JSON.stringify({ ...figures, worlds: [{ ...world, rows }] }));
  await evidence();
  expect(await page()).toContain('| **generated** | 80.0 | 70.0 – 90.0 | -0.800 |  |');
});

test('what it cannot read is refused by name', async () => {
  await expect(evidence()).rejects.toMatchObject({ stderr: expect.stringContaining('has no worlds') });
  await writeFile(join(folder(), 'other.json'), '{}');
  const add = (...of: string[]) => evidence('add', ...of, '--split', '1', '--seed', '1', join(folder(), 'other.json'));
  const refusal = (text: string) => ({ stderr: expect.stringContaining(text) });
  await expect(add('--world', 'pocket')).rejects.toMatchObject(refusal('other.json: expected an evaluation'));
  await expect(add('--world', 'rocket')).rejects.toMatchObject(refusal('--world: expected pocket or house-styles'));
  await expect(add('--world', 'house-styles')).rejects.toMatchObject(refusal('--part: expected singles or tasks'));
  await expect(addWorld(1, 1, 0.5, ['instructions', 'tasks'], [{ name: 'b', licence: 'MIT' }])).rejects.toMatchObject(
    refusal('index.json has no task "a", which was evaluated'),
  );
});
