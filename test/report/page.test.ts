import { join } from 'node:path';
import { pageOf } from '../../src/report/page.js';
import { readRun } from '../../src/report/run-folder.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import {
  behaviourDescription,
  behaviourEvaluation,
  behaviourStep,
  exampleDescription,
  exampleLines,
  HOSTILE,
  writeRun,
} from './example.js';

const folder = useTemporaryFolder();
const page = async (content?: Parameters<typeof writeRun>[1]) =>
  pageOf(await readRun(await writeRun(join(folder(), 'a & b'), content)));
const dataOf = (html: string): { title: string; series: { label: string }[] }[] =>
  [...html.matchAll(/<script type="application\/json">(.*?)<\/script>/gs)].map((match) => JSON.parse(match[1]!));

test('the page holds all that it needs, and no address', async () => {
  const html = await page();
  expect(html).not.toMatch(/<(link|img|iframe|object|embed|base)\b/);
  expect(html).not.toMatch(/\b(src|href)\s*=\s*["']/);
  expect(html).not.toMatch(/https?:\/\/|@import|url\(/);
  expect(html).toContain(`default-src 'none'`);
  expect(html).toContain('new uPlot(');
  expect(html).toContain('Permission is hereby granted');
});

test('it says whether the run works, its progress, and its settings and inputs', async () => {
  const html = await page();
  for (const text of [
    '<h1>Training run a &amp; b</h1>',
    'tiny/qwen2',
    'Working: the loss falls',
    'about 0.5 in a run that works',
    '12,345 parameters, kernel size 3',
    '(4, 8, 16) (28, 4, 26)',
    '2 trained on, 1 held out',
    '40 trained on, 8 of the same tasks held out, 1 skipped as damaged',
    'weightDecay',
    'layer 1, down_proj: norm ratio',
  ])
    expect(html).toContain(text);
});

test('of a run with the behaviour loss it shows losses and answers, and nothing of weight tokens', async () => {
  const lines = [0, 50, 100].flatMap((step) => [
    ...(step === 0 ? [] : Array.from({ length: 50 }, (_, i) => behaviourStep(step - 49 + i))),
    behaviourEvaluation(step),
  ]);
  const metrics = lines.map((line) => JSON.stringify(line)).join('\n');
  const html = await page({ description: behaviourDescription(), metrics });
  for (const text of [
    'Working: with generated adapters responses of held-out tasks become likelier.',
    '<dt>exact answers</dt><dd>28.9 % <small>of held-out tasks, at step 100; loss 0.711</small></dd>',
    '<th scope="col">response loss</th><th scope="col">exact answers</th>',
  ])
    expect(html).toContain(text);
  const column = (name: string) => `<th scope="col">${name}</th>`;
  for (const text of ['<dt>norm ratio</dt>', 'Generated against true', 'the mean adapter', column('cosine')])
    expect(html).not.toContain(text);
  expect(html).toContain(column('checkpoints'));
  const description = behaviourDescription();
  for (const task of description.pairs.tasks) Object.assign(task, { checkpoints: 0, heldOutCheckpoints: 0 });
  const started = await page({ description, metrics });
  expect(started).not.toContain(column('checkpoints'));
  expect(started).toContain('<dt>checkpoints</dt><dd>none</dd>');
  expect(dataOf(html).map(({ title }) => title)).toEqual([
    ...['Behaviour loss', 'Exact answers', 'Gradient norm', 'Learning rate'],
    // Of each task.
    ...['Loss', 'Loss', 'Loss'],
  ]);
});

test('it has data for each chart that JSON can read', async () => {
  const titles = dataOf(await page()).map(({ title }) => title);
  const task = ['Loss', 'Norm ratio and cosine'];
  expect(titles).toEqual(['Loss', 'Norm ratio', 'Gradient norm', 'Learning rate', ...task, ...task, ...task]);
});

test('it takes names for text, whatever they hold', async () => {
  const html = await page();
  expect(html).not.toContain(HOSTILE);
  expect(html).toContain('<h3>&lt;/script&gt;&lt;b&gt;&quot;&amp;</h3>');
  expect(html.match(/<script\b/g)).toHaveLength(10 + 2);
  expect(html.match(/<\/script>/g)).toHaveLength(10 + 2);

  const description = exampleDescription();
  const attack = '"><script>alert(1)</script><!--';
  description.base.name = attack;
  description.pairs.folder = attack;
  description.createdBy = attack;
  Object.assign(description.settings, { [attack]: attack });
  const metrics = exampleLines(100, 50).join('\n').replaceAll('q_proj', attack.replaceAll('"', '\\"'));
  const attacked = await page({ description, metrics });
  expect(attacked).not.toContain('<script>alert');
  expect(attacked.match(/<!--/g)).toHaveLength(1);
});

test('a run that has not started, or never evaluated, has a page, too', async () => {
  const none = await page({ metrics: null });
  expect(none).toContain('No data yet');
  expect(none).toContain('Note: there is no metrics.jsonl yet');
  const unevaluated = await page({ metrics: exampleLines(30, 1000).join('\n') });
  expect(unevaluated).not.toContain('Generated against true weights');
  expect(dataOf(unevaluated).flatMap(({ series }) => series.map(({ label }) => label))).not.toContain('held-out tasks');
});

test('a long run has a short page', async () => {
  const html = await page({ metrics: exampleLines(20_000, 500).join('\n') });
  expect(html.length).toBeLessThan(500_000);
});
