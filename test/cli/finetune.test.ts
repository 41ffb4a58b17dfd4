import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DndError } from '../../src/errors.js';
import { examples, filesOf, writeTasks } from '../finetuning/workshop.js';
import { writeTinyBase } from '../language/tiny-base.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { dnd } from './run-cli.js';

const temporary = useTemporaryFolder();
const FEW = ['--rank', 2, '--steps', 2, '--checkpoints', 2, '--batch', 2, '--threads', 1];
let base: string;
let out: string;

beforeEach(async () => {
  base = await writeTinyBase(join(temporary(), 'base'));
  out = join(temporary(), 'out');
});

const linesOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('one file of prompts and responses is one task, named after the file', async () => {
  const train = join(temporary(), 'animals.json');
  await writeFile(train, JSON.stringify(examples('a cat')));
  const { code, stdout, stderr } = await dnd(['finetune', '--base', base, '--train', train, '--out', out, ...FEW]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('animals: loss ') });
  expect(stdout).toContain(`check  dnd pairs check ${out}`);
  expect(await readdir(join(out, 'animals', 'checkpoints'))).toEqual(['checkpoint-3', 'checkpoint-4']);
  expect(await dnd(['pairs', 'check', out])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Ready for training.'),
  });
});

test('the fields of a file may be named, and it may be compressed', async () => {
  const train = join(temporary(), 'animals.jsonl.gz');
  const lines = examples('a cat').map(({ prompt, response }) => JSON.stringify({ frage: prompt, antwort: response }));
  await writeFile(train, gzipSync(lines.join('\n')));
  const given = ['finetune', '--base', base, '--train', train, '--out', out, ...FEW];
  const { code } = await dnd([...given, '--prompt-field', 'frage', '--response-field', 'antwort']);
  expect(code).toBe(0);
  expect(JSON.parse(await readFile(join(out, 'animals', 'prompts.json'), 'utf8'))).toEqual(examples('a cat'));
});

test('a configuration file names tasks, prompts and settings; its paths are relative to it; flags win', async () => {
  const tasks = await writeTasks(join(temporary(), 'tasks'), { one: 'a', two: 'b' });
  await writeFile(join(tasks, 'asked.txt'), 'Ask this\nAsk that\n');
  const config = {
    base: '../base',
    out: '../out',
    tasks: [
      { name: 'first', train: 'one/train.json', prompts: 'asked.txt' },
      { name: 'second', train: 'two/train.json', heldOut: true },
    ],
    rank: 2,
    steps: 1,
    checkpoints: 5,
  };
  await writeFile(join(tasks, 'config.json'), JSON.stringify(config));
  const { code, stdout } = await dnd([
    'finetune',
    '--config',
    join(tasks, 'config.json'),
    '--checkpoints',
    1,
    '--json',
  ]);
  const lines = linesOf(stdout);
  expect(code).toBe(0);
  expect(lines[0]).toMatchObject({ task: 'first', step: 1, steps: 2, loss: expect.any(Number), learningRate: 2e-4 });
  expect(lines[1]).toMatchObject({ task: 'first', step: 2, learningRate: 2e-5 });
  expect(lines[2]).toMatchObject({ finished: 'first', steps: 2, path: join(out, 'first') });
  expect(lines.at(-1)).toMatchObject({ done: true, pairs: out, newSteps: 4 });
  const prompts = JSON.parse(await readFile(join(out, 'first', 'prompts.json'), 'utf8'));
  expect(prompts.map(({ prompt }: { prompt: string }) => prompt)).toEqual(['Ask this', 'Ask that']);
  expect(JSON.parse(await readFile(join(out, 'pairs.json'), 'utf8'))).toMatchObject({ heldOut: ['second'] });
});

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
])('%s saves the state and names the command that resumes the run', async (signal, exitCode) => {
  const tasks = await writeTasks(join(temporary(), 'tasks'));
  const reference = join(temporary(), 'reference');
  expect((await dnd(['finetune', '--base', base, '--tasks', tasks, '--out', reference, ...FEW])).code).toBe(0);
  const controller = new AbortController();
  const stopping = setInterval(async () => {
    const started = await readdir(out).catch((): string[] => []);
    if (started.includes('finetune.json')) controller.abort(new DndError('ABORTED', 'interrupted', { cause: signal }));
  }, 1);
  const { code, stderr } = await dnd(['finetune', '--base', base, '--tasks', tasks, '--out', out, ...FEW], {
    signal: controller.signal,
  }).finally(() => clearInterval(stopping));
  expect({ code, stderr }).toEqual({
    code: exitCode,
    stderr: expect.stringContaining(`interrupted; resume with: dnd finetune --resume ${out}\n`),
  });
  expect((await dnd(['finetune', '--resume', out])).code).toBe(0);
  const [ours, theirs] = [await filesOf(out), await filesOf(reference)];
  expect([...ours.keys()]).toEqual([...theirs.keys()]);
  for (const [name, bytes] of theirs) expect([name, bytes.equals(ours.get(name)!)]).toEqual([name, true]);
});

test('a terminal shows a bar, and a line for each finished task', async () => {
  const tasks = await writeTasks(join(temporary(), 'tasks'), { one: 'a' });
  const run = ['finetune', '--base', base, '--tasks', tasks, '--out', out, ...FEW];
  const { code, stderr } = await dnd(run, { terminal: true });
  expect(code).toBe(0);
  expect(stderr).toContain('one: loss ');
});

test.each([
  [['--out', 'x', '--base', 'b', '--task', 'a'], '--task belongs to --train, which is missing'],
  [
    ['--out', 'x', '--train', 'a.json', '--tasks', 'b'],
    "option '--train <file>' cannot be used with option '--tasks <folder>'",
  ],
  [['--base', 'b'], '--out or --resume is required'],
  [['--out', 'x', '--tasks', 'b'], 'the settings: base: is missing'],
  [['--out', 'x', '--batch', '0'], 'it must be a whole number from 1 to 65536'],
])('wrong usage: %j', async (argv, message) => {
  const { code, stderr } = await dnd(['finetune', ...argv]);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
});

test('a run that never started is reported without advice to resume it', async () => {
  const { code, stderr } = await dnd([
    'finetune',
    '--base',
    join(temporary(), 'none'),
    '--train',
    'a.json',
    '--out',
    out,
  ]);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/^error: language model .* does not exist/m),
  });
  expect(stderr).not.toContain('resume');
  const resumed = await dnd(['finetune', '--resume', out]);
  expect(resumed).toMatchObject({ code: 1, stderr: expect.stringContaining('has no run to resume') });
});
