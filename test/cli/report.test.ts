import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../../src/report/report.js';
import { exampleDescription, exampleLines, writeRun } from '../report/example.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { dnd, dndJson } from './run-cli.js';

const temporary = useTemporaryFolder();
const at = (...names: string[]) => join(temporary(), ...names);

test('the page is written into the run, repeatedly, with a summary of it', async () => {
  await writeRun(at('run'), { metrics: exampleLines(100).join('\n') });
  await dnd(['report', at('run')]);
  await writeRun(at('run'));
  const { code, stdout, stderr } = await dnd(['report', at('run')]);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain('Working: the loss falls');
  expect(stdout).toContain(`${at('run', 'report.html')}: 400 of 400 steps, 8 evaluations`);
  expect(await readdir(at('run'))).toEqual(['metrics.jsonl', 'report.html', 'run.json']);
  expect(await readFile(at('run', 'report.html'), 'utf8')).toContain('after 400 steps');
});

test('--out puts it elsewhere, --json prints JSON', async () => {
  const metrics = `${exampleLines(120).join('\n')}\n{"step":121,"lo`;
  await writeRun(at('run'), { metrics });
  const { result, stderr } = await dndJson<Report>(['report', at('run'), '--out', at('pages', 'one.html')]);
  expect(stderr).toBe('');
  expect(result).toMatchObject({
    path: at('pages', 'one.html'),
    step: 120,
    steps: 400,
    evaluations: 2,
    judgement: { state: 'working' },
    notes: [expect.stringContaining('the last line of metrics.jsonl')],
  });
  expect(await readdir(at('run'))).toEqual(['metrics.jsonl', 'run.json']);
  expect((await readFile(at('pages', 'one.html'))).length).toBe(result.bytes);
});

test('what is no run is refused by name', async () => {
  await mkdir(at('empty'));
  await writeFile(at('file'), '');
  for (const path of ['none', 'empty', 'file'].map((name) => at(name))) {
    const { code, result } = await dndJson<{ error: { code: string; message: string } }>(['report', path]);
    expect([code, result.error.code]).toEqual([1, 'FILE_NOT_FOUND']);
    expect(result.error.message).toContain(path);
  }
  expect(await readdir(at('empty'))).toEqual([]);
});

test.each([
  ['no JSON', '{', 'CORRUPT_FILE', 'is not valid JSON'],
  ['something else', '{"formatVersion":1}', 'CORRUPT_FILE', 'adapter: is missing; expected a JSON object'],
  [
    'a task without a name',
    JSON.stringify({ ...exampleDescription(), pairs: { ...exampleDescription().pairs, tasks: [{}] } }),
    'CORRUPT_FILE',
    'pairs.tasks[0].name',
  ],
  [
    'of a newer version',
    JSON.stringify({ ...exampleDescription(), formatVersion: 2 }),
    'NEWER_FORMAT',
    'update dnd-lora',
  ],
])('a run.json that is %s is refused, and no page is left', async (_what, text, code, sentence) => {
  await writeRun(at('run'));
  await writeFile(at('run', 'run.json'), text);
  const outcome = await dndJson<{ error: { message: string } }>(['report', at('run')]);
  expect(outcome).toMatchObject({ code: 1, result: { error: { code } } });
  expect(outcome.result.error.message).toContain(sentence);
  expect(await readdir(at('run'))).toEqual(['metrics.jsonl', 'run.json']);
});

test('metrics.jsonl without one line of metrics is refused', async () => {
  await writeRun(at('run'), { metrics: 'step,loss\n' });
  expect(await dndJson(['report', at('run')])).toMatchObject({ code: 1, result: { error: { code: 'CORRUPT_FILE' } } });
});

test('the page never replaces a file of the run', async () => {
  await writeRun(at('run'));
  const outcome = await dndJson(['report', at('run'), '--out', at('run', 'metrics.jsonl')]);
  expect(outcome).toMatchObject({ code: 2, result: { error: { code: 'INVALID_ARGUMENT' } } });
  expect(await readFile(at('run', 'metrics.jsonl'), 'utf8')).toContain('"step":400');
});

test('an interrupted report leaves nothing', async () => {
  await writeRun(at('run'));
  const { code } = await dnd(['report', at('run')], { signal: AbortSignal.abort() });
  expect(code).toBe(130);
  expect(await readdir(at('run'))).toEqual(['metrics.jsonl', 'run.json']);
});
