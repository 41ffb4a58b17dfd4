import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EvaluationResult } from '../../src/evaluation/index.js';
import type { GenerationReport } from '../../src/generator/report.js';
import { writeTinyBase } from '../language/tiny-base.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { TINY_DECODER } from '../training/behaviour-workshop.js';
import { dnd, dndJson } from './run-cli.js';

jest.setTimeout(300_000);

const folder = useTemporaryFolder();
const at = (...names: string[]) => join(folder(), ...names);

const ANSWERS = { animals: 'a cat', plants: 'a red rose', stones: 'jade', tools: 'a saw' };
const DECODER = ['--encoder', 'hash', '--features', JSON.stringify(TINY_DECODER.features), '--kernel-size', 3];

async function writeTasks(): Promise<void> {
  await writeTinyBase(at('base'));
  for (const [task, response] of Object.entries(ANSWERS)) {
    await mkdir(at('tasks', task), { recursive: true });
    const items = [1, 2, 3, 4, 5, 6].map((index) => ({ prompt: `Word ${index}?`, response }));
    await writeFile(at('tasks', task, 'train.json'), JSON.stringify(items.slice(0, 4)));
    await writeFile(at('tasks', task, 'test.json'), JSON.stringify(items.slice(4)));
    const descriptions = [`Names one of the ${task}.`, `The answer is one of the ${task}.`];
    await writeFile(at('tasks', task, 'descriptions.json'), JSON.stringify(descriptions));
  }
}

async function done(...argv: (string | number)[]): Promise<string> {
  const { code, stdout, stderr } = await dnd(argv);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

const finetune = (out: string, ...more: (string | number)[]) => {
  const settings = ['--rank', 2, '--alpha', 4, '--joint-steps', 1, '--batch', 2, '--threads', 1];
  return done('finetune', '--base', at('base'), '--tasks', at('tasks'), '--out', at(out), ...settings, ...more);
};

const train = (pairs: string, out: string, ...more: (string | number)[]) => {
  const data = ['--pairs', at(pairs), '--base', at('base'), '--out', at(out), '--form', 'description'];
  const steps = ['--steps', 2, '--batch', 2, '--threads', 1, '--held-out-tasks', 'plants,tools'];
  return done('train', ...data, ...DECODER, ...steps, ...more);
};

const generate = async (out: string, ...more: string[]) =>
  (
    await dndJson<{ report: GenerationReport }[]>([
      ...['generate', '--generator', at('run', 'latest'), '--out', at(out), ...more],
    ])
  ).result;
const evaluate = async (...more: string[]) => {
  const data = [
    '--generator',
    at('run', 'latest'),
    '--base',
    at('base'),
    '--tasks',
    at('tasks'),
    '--pairs',
    at('pairs'),
  ];
  return (await dndJson<EvaluationResult>(['eval', ...data, '--max-new-tokens', '2', '--threads', '1', ...more]))
    .result;
};
const adapterIn = (name: string) => readFile(at(name, 'adapter_model.safetensors'));

test('descriptions go from tasks to pairs, condition a generator of the behaviour loss, and its adapters are evaluated', async () => {
  await writeTasks();
  await finetune('pairs', '--steps', 0, '--checkpoints', 0);
  const descriptions = JSON.parse(await readFile(at('pairs', 'tools', 'descriptions.json'), 'utf8'));
  expect(descriptions).toEqual(['Names one of the tools.', 'The answer is one of the tools.']);
  await train('pairs', 'run', '--loss', 'behaviour', '--start-deviation', 0.01);
  const manifest = JSON.parse(await readFile(at('run', 'latest', 'generator.json'), 'utf8'));
  expect(manifest.training.form).toBe('description');

  const [told] = await generate('told', '--description', ...descriptions);
  expect(told!.report.prompts).toMatchObject({ given: 2, wanted: 4, used: 2, repeated: 2 });
  await generate('read', '--descriptions', at('tasks', 'tools', 'descriptions.json'));
  expect(await adapterIn('read')).toEqual(await adapterIn('told'));
  await writeFile(at('SKILL.md'), '---\nname: tools\ndescription: Names one of the tools.\n---\n# Tools\n');
  await generate('skill', '--descriptions', at('SKILL.md'));
  await generate('one', '--description', descriptions[0]);
  expect(await adapterIn('skill')).toEqual(await adapterIn('one'));
  expect(await adapterIn('one')).not.toEqual(await adapterIn('told'));

  const refused = async (...argv: string[]) => {
    const { code, stderr } = await dnd(['generate', '--generator', at('run', 'latest'), '--out', at('no'), ...argv]);
    expect(code).toBe(2);
    return stderr;
  };
  expect(await refused('--prompts', at('tasks', 'tools', 'train.json'))).toContain(
    'trained on descriptions of tasks, with the form "description"; expected descriptions of the task, got prompts',
  );
  expect(await refused()).toContain('there is nothing to generate from; expected --prompts');
  expect(await refused('--description', 'a', '--prompts', 'b')).toContain('cannot be used with');

  const result = await evaluate('--prompt-counts', '1,2,4');
  expect(result.texts).toBe('descriptions');
  expect(result.tasks).toEqual(['plants', 'tools'].map((name) => ({ name, prompts: 2, test: 2 })));
  const labels = result.rows.map(({ label }) => label);
  expect(labels).toEqual([
    ...['base model', 'joint LoRA', 'generated', 'generated from 1 description', 'generated from 2 descriptions'],
    ...['generated from 4 descriptions', "control: another task's descriptions"],
    ...['control: shuffled characters', 'control: random condition'],
  ]);
  expect(result.rows[3]!.tasks.tools!.logLikelihood).toHaveLength(3);
  // Two descriptions are all that there are.
  expect(result.rows[4]!.tasks).toEqual(result.rows[2]!.tasks);
});

test('a generator of the token loss is conditioned on descriptions too, and a task without any is named', async () => {
  await writeTasks();
  await finetune('pairs', '--steps', 2, '--checkpoints', 1);
  await train('pairs', 'run', '--normalisation', 'residual');
  const { rows } = await evaluate();
  expect(rows.map(({ label }) => label)).toContain('training LoRA with the nearest descriptions');
  await rm(at('tasks', 'tools', 'descriptions.json'));
  const data = ['--generator', at('run', 'latest'), '--base', at('base'), '--tasks', at('tasks')];
  const { code, stderr } = await dnd(['eval', ...data]);
  expect([code, stderr]).toEqual([1, expect.stringContaining('task tools has no descriptions, and the generator')]);
});

test('a generator of prompts refuses descriptions', async () => {
  await writeTasks();
  await finetune('pairs', '--steps', 0, '--checkpoints', 0);
  await train('pairs', 'run', '--loss', 'behaviour', '--form', 'prompt');
  const { code, stderr } = await dnd([
    ...['generate', '--generator', at('run', 'latest'), '--out', at('no'), '--description', 'Names a tool.'],
  ]);
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('trained on prompts of tasks, with the form "prompt"; expected prompts of the task, got'),
  ]);
});
