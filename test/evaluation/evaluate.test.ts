import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AdapterLayout, LoraAdapter, readPeft, writePeft } from '../../src/adapter/index.js';
import { meanAdapter } from '../../src/evaluation/adapters.js';
import { type EvaluateOptions, type EvaluationResult, evaluate, evaluationPage } from '../../src/evaluation/index.js';
import { finetune } from '../../src/finetuning/index.js';
import { Generator } from '../../src/generator/generator.js';
import { dnd } from '../cli/run-cli.js';
import { writeTinyBase } from '../language/tiny-base.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();
const at = (...names: string[]) => join(folder(), ...names);

const TASKS = {
  blue: ['sky', 'sea', 'ice', 'jay'],
  green: ['leaf', 'frog', 'moss', 'pea'],
  red: ['rose', 'fox', 'jam'],
};

/** A base with random weights, which can learn no more than its examples; LoRAs of two tasks, an untrained generator for them, and a third task that nothing was trained on. */
async function writeWorld(): Promise<void> {
  await writeTinyBase(at('base'));
  for (const [name, words] of Object.entries(TASKS)) {
    await mkdir(at('tasks', name), { recursive: true });
    const items = words.map((word) => ({ prompt: `colour of ${word}?`, response: name }));
    await writeFile(at('tasks', name, 'train.json'), JSON.stringify(items));
    await writeFile(at('tasks', name, 'test.json'), JSON.stringify(items.slice(2)));
  }
  const tasks = ['blue', 'green'].map((name) => ({ name, train: at('tasks', name, 'train.json') }));
  const form = {
    rank: 2,
    alpha: 4,
    jointSteps: 1,
    steps: 80,
    checkpoints: 1,
    batch: 2,
    learningRate: 0.02,
    threads: 1,
  };
  await finetune({ base: at('base'), out: at('pairs'), tasks, ...form });
  await saveGenerator('generator', at('base', 'config.json'), 2);
}

async function settingsOf(base: string, rank: number) {
  const config = JSON.parse(await readFile(at('base', 'config.json'), 'utf8'));
  const { hidden_size: hidden, num_attention_heads: heads, num_key_value_heads: kvHeads } = config;
  const widths = { name: null, modelType: 'llama', hidden, heads, kvHeads, headDim: hidden / heads };
  const layers = base === at('base', 'config.json') ? config.num_hidden_layers : 3;
  const shape = { ...widths, intermediate: config.intermediate_size, layers };
  const layout = new AdapterLayout({ base: shape, rank });
  const tokens = [layout.tokenCount, layout.tokenHeight, layout.tokenWidth] as const;
  return { base: shape, encoder: 'hash', features: [[2, 8, 16], tokens], kernelSize: 3, rank } as const;
}

async function saveGenerator(name: string, base: string, rank: number): Promise<void> {
  const generator = await Generator.create({ ...(await settingsOf(base, rank)), threads: 1 });
  await generator.save(at(name));
  generator.dispose();
}

const options = (): EvaluateOptions => ({
  generator: at('generator'),
  base: at('base'),
  tasks: at('tasks'),
  pairs: at('pairs'),
  maxNewTokens: 8,
  threads: 1,
});

const row = ({ rows }: EvaluationResult, id: string) => rows.find((one) => one.row === id);

beforeEach(writeWorld);

test('evaluates the task that was not trained on, with every row, and the same for the same seed', async () => {
  const result = await evaluate(options());
  expect(result.tasks).toEqual([{ name: 'red', prompts: 3, test: 1 }]);
  expect(result.rows.map((one) => one.row)).toEqual([
    ...['base', 'joint', 'meanOfTraining', 'averageSingle', 'nearestSingle', 'bestSingle', 'bestSingleEach'],
    ...['generated', 'shuffledPrompts', 'randomCondition'],
  ]);
  expect(result.notes.join()).toMatch(/only one task/);
  expect(result.notes.join()).toMatch(/test prompts of 1 of 1 tasks are also .*: red/);
  expect(result.verdict.headline).toMatch(/^Too few tasks for a verdict: 1/);
  for (const { outcome } of result.comparisons) expect(outcome).toBe('no difference shown');
  for (const { logLikelihood } of result.rows) expect(logLikelihood.mean).toBeLessThan(0);
  const again = await evaluate({ ...options(), threads: 2 });
  expect({ ...again, seconds: 0 }).toEqual({ ...result, seconds: 0 });
});

test('the LoRA of a task answers it, and is the best and the nearest single one there', async () => {
  const result = await evaluate({ ...options(), names: ['blue', 'green'], draws: 2 });
  expect(row(result, 'bestSingleEach')!.exactMatch.mean).toBe(1);
  expect(row(result, 'averageSingle')!.exactMatch.mean).toBeCloseTo(0.5);
  expect(row(result, 'nearestSingle')!.exactMatch.mean).toBe(1);
  expect(
    row(result, 'bestSingle')!.tasks.blue!.exactMatch[0]! + row(result, 'bestSingle')!.tasks.green!.exactMatch[0]!,
  ).toBe(1);
  expect(row(result, 'otherPrompts')).toBeDefined();
  expect(result.comparisons.find((one) => one.with === 'nearestSingle')!.high).toBeLessThan(0);
});

test('single LoRAs can be sampled, and left out', async () => {
  expect((await evaluate({ ...options(), singleLimit: 1 })).singles).toEqual({ tried: 1, of: 2 });
  const without = await evaluate({ ...options(), singleLimit: 0 });
  expect(row(without, 'bestSingle')).toBeUndefined();
  expect(row(without, 'nearestSingle')).toBeDefined();
});

test('pairs without checkpoints are compared by what their tasks start from alone', async () => {
  const tasks = ['blue', 'green'].map((name) => ({ name, train: at('tasks', name, 'train.json') }));
  const settings = { rank: 2, alpha: 4, jointSteps: 1, steps: 0, checkpoints: 0, batch: 2, threads: 1 };
  await finetune({ base: at('base'), out: at('joint-only'), tasks, ...settings });
  const result = await evaluate({ ...options(), pairs: at('joint-only') });
  expect(result.tasks.map(({ name }) => name)).toEqual(['red']);
  expect(result.rows.map((one) => one.row)).toEqual([
    ...['base', 'joint', 'generated', 'shuffledPrompts', 'randomCondition'],
  ]);
  expect(result.singles).toEqual({ tried: 0, of: 0 });
  expect(result.notes).toContain('there are no training LoRAs to compare with: the training tasks have no checkpoints');
  const both = await evaluate({ ...options(), pairs: at('joint-only'), names: ['blue', 'red'] });
  expect(row(both, 'otherPrompts')).toBeDefined();
  expect(both.notes).toContain('the generator was trained on 1 of these 2 tasks');
});

test('other numbers of prompts have rows of their own, the generator\u2019s own number the same as generated', async () => {
  const result = await evaluate({ ...options(), pairs: undefined, promptCounts: [64, 1, 2, 1] });
  expect(result.rows.map((one) => one.row).slice(1, 5)).toEqual([
    ...['generated', 'generatedFrom1', 'generatedFrom2', 'generatedFrom64'],
  ]);
  expect(row(result, 'generatedFrom1')!.label).toBe('generated from 1 prompt');
  expect(row(result, 'generatedFrom1')!.tasks.red!.exactMatch).toHaveLength(3);
  expect(row(result, 'generatedFrom2')!.tasks).toEqual(row(result, 'generated')!.tasks);
  expect(row(result, 'generatedFrom64')!.tasks.red!.exactMatch).toHaveLength(1);
  expect(result.comparisons.map((one) => one.with)).not.toContain('generatedFrom1');
  expect(result.notes).toContain('generated from 64 prompts: 3 of 3 tasks have fewer, and use all that they have');
  await expect(evaluate({ ...options(), promptCounts: [0] })).rejects.toThrow('promptCounts');
});

test('without pairs every task is evaluated, against the base and the controls', async () => {
  const { tasks, rows } = await evaluate({ ...options(), pairs: undefined });
  expect(tasks).toHaveLength(3);
  expect(rows.map((one) => one.row)).toEqual([
    'base',
    'generated',
    'otherPrompts',
    'shuffledPrompts',
    'randomCondition',
  ]);
});

test('a generator for another base, and no held-out task, are refused by name', async () => {
  await saveGenerator('other', 'another', 2);
  await expect(evaluate({ ...options(), generator: at('other') })).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringContaining('does not belong to the base'),
  });
  await expect(evaluate({ ...options(), names: ['gren'] })).rejects.toThrow('did you mean "green"?');
  await expect(evaluate({ ...options(), names: [] })).rejects.toThrow('the list is empty');
  await expect(evaluate({ ...options(), names: ['red', 'red'] })).rejects.toThrow('"red" is given twice');
  const trainedOn = { ...options(), tasks: at('seen') };
  await mkdir(at('seen'));
  await writeFile(
    at('seen', 'blue.json'),
    JSON.stringify({ train: [{ prompt: 'a', response: 'b' }], test: [{ prompt: 'a', response: 'b' }] }),
  );
  await expect(evaluate(trainedOn)).rejects.toThrow('expected a held-out task');
});

test('what the generator was trained on is what its manifest says, not what the pairs folder would hold out', async () => {
  const { encoder, features, kernelSize } = await settingsOf(at('base', 'config.json'), 2);
  const settings = { encoder, features, kernelSize, steps: 1, batch: 1, heldOutCheckpoints: 0 };
  await writeFile(
    at('train.json'),
    JSON.stringify({ pairs: 'pairs', base: 'base', out: 'run', ...settings, heldOutTasks: ['green'] }),
  );
  expect(await dnd(['train', '--config', at('train.json')])).toMatchObject({
    code: 0,
    stderr: expect.not.stringContaining('error:'),
  });
  const trained = { ...options(), generator: at('run', 'latest') };
  const result = await evaluate({ ...trained, names: ['green'] });
  expect(row(result, 'own')!.exactMatch.mean).toBe(1);
  expect(result.shareOfOwn).toMatchObject({ mean: expect.any(Number) });
  expect(result.verdict.reasons.join()).toContain("Of what the tasks' own LoRAs add");
  expect(row(result, 'bestSingle')!.of).toBe('blue');
  expect(result.singles.of).toBe(1);
  expect(result.notes.join()).not.toMatch(/trained on/);
  expect((await evaluate({ ...trained, names: ['blue', 'red'] })).notes).toContain(
    'the generator was trained on 1 of these 2 tasks',
  );
  // Without the pairs folder too, a task that was trained on is no held-out one.
  expect((await evaluate({ ...trained, pairs: undefined })).tasks.map(({ name }) => name)).toEqual(['green', 'red']);
});

test('dnd eval refuses files that it could not write, before it evaluates', async () => {
  const folders = ['--generator', at('none'), '--base', at('none'), '--tasks', at('none')];
  for (const files of [
    ['--out', folder()],
    ['--page', at('tasks', 'red', 'test.json', 'page.html')],
  ])
    expect(await dnd(['eval', ...folders, ...files])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot be written'),
    });
  expect(await dnd(['eval', ...folders, '--out', at('one'), '--page', at('one')])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('expected two files'),
  });
});

test('an abort stops it', async () => {
  const controller = new AbortController();
  const onProgress = () => controller.abort(new Error('enough'));
  await expect(evaluate({ ...options(), signal: controller.signal, onProgress })).rejects.toThrow('enough');
});

test('dnd eval prints a table and the verdict, and writes JSON and an offline page', async () => {
  const flags = ['--generator', at('generator'), '--base', at('base'), '--tasks', at('tasks'), '--pairs', at('pairs')];
  const files = [
    '--out',
    at('eval.json'),
    '--page',
    at('eval.html'),
    '--max-new-tokens',
    '8',
    '--prompt-counts',
    '1,2',
  ];
  const { code, stdout } = await dnd(['eval', ...flags, ...files]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^generated {2,}\d+\.\d % \(/m);
  expect(stdout).toMatch(/^generated from 1 prompt {2,}\d+\.\d % \(/m);
  expect(stdout).toContain('Too few tasks for a verdict: 1');
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  const written = JSON.parse(await readFile(at('eval.json'), 'utf8'));
  expect(written.formatVersion).toBe(1);
  const page = await readFile(at('eval.html'), 'utf8');
  expect(page).toContain('Too few tasks for a verdict: 1');
  expect(page).not.toMatch(/(src|href)="http/);
  expect(evaluationPage({ ...written, generator: '<script>' })).not.toContain('Evaluation of <script>');
});

test('the mean of adapters is that of each element', async () => {
  const one = await readPeft(at('pairs', 'joint'));
  const doubled = new Map(
    Array.from(one.tensors, ([name, { shape, data }]) => [name, { shape, data: data.map((v) => 3 * v) }]),
  );
  const mean = meanAdapter([one, new LoraAdapter(one.config, doubled)]);
  await writePeft(at('mean'), mean, { dtype: 'F32' });
  for (const [name, { data }] of (await readPeft(at('mean'))).tensors)
    expect([...data]).toEqual(
      Array.from(one.tensors.get(name)!.data, (value) => Math.fround((value + Math.fround(3 * value)) / 2)),
    );
});
