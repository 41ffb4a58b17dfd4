import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPeft } from '../../src/adapter/index.js';
import type { DemoResult } from '../../src/demo/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { dnd, dndJson } from './run-cli.js';

const folder = useTemporaryFolder();
const TASKS = join(__dirname, '../../pocket/tasks');
const [first, second] = readdirSync(TASKS).sort() as [string, string];
const promptsOf = (task: string) => join(TASKS, task, 'prompts.json');

type Shown = Omit<DemoResult, 'adapter'> & {
  generation: { prompts: { used: number; given: number }; adapter: { parameters: number } };
  out: string | null;
};

test('dnd demo shows a task that the base cannot do, and that it does with a generated adapter', async () => {
  const { code, stdout, stderr } = await dnd(['demo']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(lines.filter((line) => /^\d\. /.test(line))).toHaveLength(4);
  expect(lines.filter((line) => /^ {3}prompt /.test(line))).toHaveLength(6);
  expect(stdout).toMatch(/→ an adapter of [\d,]+ weights in \d+ ms/);
});

// As text: test/docs/readme.test.ts.
describe('the README shows what it prints', () => {
  const read = (path: string) => readFileSync(join(__dirname, '../..', path), 'utf8');
  const withoutTime = (text: string) => text.replace(/in \d+ ms/, 'in … ms');

  test('as a picture, made by scripts/demo-picture.cjs', async () => {
    expect(read('README.md')).toContain('(docs/demo.svg)');
    const unescaped = (text: string) => text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
    const [command, ...shown] = Array.from(
      read('docs/demo.svg').matchAll(/<text [^>]*>(.*)<\/text>/g),
      ([, line]) => line!,
    );
    expect(command).toBe('$ npm run demo');
    const printed = (await dnd(['demo'])).stdout.split('\n').map((line) => line.trim());
    expect(withoutTime(unescaped(shown.join('\n')))).toBe(withoutTime(printed.filter(Boolean).join('\n')));
  });
});

test('its figures are of the answers that it gives: with --json, all of them', async () => {
  const { code, result } = await dndJson<Shown>(['demo', '--task', second]);
  expect(code).toBe(0);
  expect(result.task?.name).toBe(second);
  expect(result.generation.prompts).toMatchObject({ used: 16, given: 64 });
  const right = (which: 'base' | 'adapted') => result.answers.filter((one) => one[which] === one.expected).length;
  expect(result.accuracy).toEqual({ items: result.answers.length, base: right('base'), adapted: right('adapted') });
  // What the world is for.
  expect(right('base')).toBe(0);
  expect(right('adapted')).toBeGreaterThan(0.5 * result.answers.length);
  expect(result.out).toBeNull();
});

test('--list names the held-out tasks, which --task takes', async () => {
  const { code, result } = await dndJson<{ name: string; about: string }[]>(['demo', '--list']);
  expect(code).toBe(0);
  expect(result.map(({ name }) => name).sort()).toEqual(readdirSync(TASKS).sort());
  const { stdout } = await dnd(['demo', '--list']);
  expect(stdout).toContain(`${result.length} tasks, all held out. Show one: dnd demo --task ${result[0]!.name}`);
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
});

test('an unknown task is refused with the nearest one', async () => {
  const { code, stderr } = await dnd(['demo', '--task', `${first}x`]);
  expect(code).toBe(2);
  expect(stderr).toBe(
    `error: there is no held-out task "${first}x"; did you mean "${first}"? dnd demo --list names all 30\n`,
  );
});

test("the same prompts give the same adapter, as a task's or as one's own; without responses nothing is counted", async () => {
  const [task, own] = [
    await dndJson<Shown>(['demo', '--task', first, '--seed', 3]),
    await dndJson<Shown>(['demo', '--prompts', promptsOf(first), '--seed', 3]),
  ];
  expect(own.result.generation.adapter).toEqual(task.result.generation.adapter);
  expect(own.result).toMatchObject({ task: null, accuracy: null });
  expect(own.result.answers).toHaveLength(3);
  const stdin = JSON.parse(readFileSync(promptsOf(first), 'utf8')).join('\n');
  const piped = await dnd(['demo', '--prompts', '-'], { stdin });
  expect(piped.code).toBe(0);
  expect(piped.stdout).toContain('what your prompts have in common');
  expect(piped.stdout).not.toContain('Exactly right');
});

test('prompts with words outside the pocket language are refused, and the words named', async () => {
  const file = join(folder(), 'own.txt');
  writeFileSync(file, 'Mia found a red lamp in the forest. A fox saw it.\nThe submarine is 12 km away.\n');
  const { code, stderr } = await dnd(['demo', '--prompts', file]);
  expect(code).toBe(1);
  expect(stderr).toContain(
    `prompt 2 of ${file} is not in the pocket language; expected its words, got "submarine", "12", "km", "away"`,
  );
});

test('--prompts and --task exclude each other', async () => {
  const { code, stderr } = await dnd(['demo', '--prompts', promptsOf(first), '--task', first]);
  expect(code).toBe(2);
  expect(stderr).toContain("'--prompts <file>' cannot be used with option '--task <name>'");
});

test('--out writes the adapter as PEFT reads it, and nothing is replaced without --force', async () => {
  const out = join(folder(), 'adapter');
  const { code, result } = await dndJson<Shown>(['demo', '--out', out]);
  expect(code).toBe(0);
  expect(result.out).toBe(out);
  const { config, tensors } = await readPeft(out);
  expect(config).toMatchObject({ rank: 4, alpha: 8 });
  const elements = [...tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
  expect(elements).toBe(result.generation.adapter.parameters);
  const again = await dnd(['demo', '--out', out]);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('exists and is not empty');
  expect((await dnd(['demo', '--out', out, '--force'])).code).toBe(0);
});
