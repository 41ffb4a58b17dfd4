import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finetune } from '../../src/finetuning/index.js';
import { importCheckpoints, type RecipeOptions, writeRecipe } from '../../src/recipes/index.js';
import { openPairs } from '../../src/training/pairs/index.js';
import { dnd, dndJson } from '../cli/run-cli.js';
import { ANSWERS, examples, filesOf, TINY_RUN, writeTasks } from '../finetuning/workshop.js';
import { writeGgufOf } from '../language/gguf-base.js';
import { writeTinyBase } from '../language/tiny-base.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const temporary = useTemporaryFolder();
let config: string;

const SETTINGS = {
  ...{ rank: 4, alpha: 6, modules: ['v_proj', 'q_proj'], steps: 40, checkpoints: 5, checkpointEvery: 2 },
  ...{ batch: 12, microBatch: 4, learningRate: 1e-4, checkpointLearningRate: 1e-7, jointSteps: 30, seed: 3 },
};

async function writeConfig(changes: object = {}): Promise<string> {
  const tasks = Object.keys(ANSWERS).map((name) => ({ name, train: `tasks/${name}/train.json` }));
  const content = { base: 'Qwen/Qwen2.5-7B', tasks: [{ ...tasks[0], heldOut: true }, ...tasks.slice(1)], ...SETTINGS };
  await writeFile(config, JSON.stringify({ ...content, ...changes }));
  return config;
}

beforeEach(async () => {
  config = join(temporary(), 'config.json');
  await writeTasks(join(temporary(), 'tasks'));
  await writeConfig();
});

const recipe = (changes: Partial<RecipeOptions> = {}) =>
  writeRecipe({ config, trainer: 'llama-factory', template: 'qwen', out: join(temporary(), 'recipe'), ...changes });

/** Enough of YAML for what a recipe has: one value of JSON's kind on each line. */
function parseYaml(text: string): Record<string, unknown> {
  return Object.fromEntries(
    text
      .trimEnd()
      .split('\n')
      .map((line) => /^(\w+): (.*)$/.exec(line)!)
      .map(([, key, value]) => [key, JSON.parse(value!)]),
  );
}

test('LLaMA-Factory gets a configuration for each run, the data, and a script that makes them in order', async () => {
  const { out, runs, command } = await recipe();
  expect(runs).toEqual(['joint', ...Object.keys(ANSWERS).flatMap((name) => [`start/${name}`, name])]);
  expect(command).toBe('sh run.sh');
  const files = await filesOf(out);
  const yaml = (name: string) => parseYaml(String(files.get(`configs/${name}.yaml`)));
  const joint = yaml('joint');
  expect(joint).toMatchObject({
    ...{
      model_name_or_path: 'Qwen/Qwen2.5-7B',
      stage: 'sft',
      do_train: true,
      finetuning_type: 'lora',
      template: 'qwen',
    },
    ...{ lora_rank: 4, lora_alpha: 6, lora_target: 'q_proj,v_proj', use_rslora: false, lora_dropout: 0 },
    ...{ dataset_dir: 'data', dataset: 'plants,stones', cutoff_len: 2048, output_dir: 'saves/joint', seed: 3 },
    ...{ max_steps: 30, learning_rate: 1e-4, lr_scheduler_type: 'constant', save_strategy: 'no', bf16: true },
    ...{ per_device_train_batch_size: 4, gradient_accumulation_steps: 3, adam_beta2: 0.99 },
  });
  expect(joint.adapter_name_or_path).toBeUndefined();
  expect(yaml('start/animals')).toMatchObject({
    adapter_name_or_path: 'saves/joint',
    output_dir: 'starts/animals',
    max_steps: 40,
  });
  expect(yaml('animals')).toMatchObject({
    ...{ adapter_name_or_path: 'starts/animals', output_dir: 'saves/animals', dataset: 'animals', max_steps: 10 },
    ...{ save_strategy: 'steps', save_steps: 2, save_only_model: true, learning_rate: 1e-7 },
  });
  // PyYAML reads 1e-7 as a text.
  expect(String(files.get('configs/animals.yaml'))).toContain('learning_rate: 1.0e-7\n');
  const info = JSON.parse(String(files.get('data/dataset_info.json')));
  expect(info.animals).toEqual({
    file_name: 'animals.json',
    columns: { prompt: 'instruction', query: 'input', response: 'output' },
  });
  const [first] = JSON.parse(String(files.get('data/animals.json')));
  expect(first).toEqual({ instruction: 'Word 0?', input: '', output: ANSWERS.animals });
  const script = String(files.get('run.sh'));
  const order = runs.map((name) => script.indexOf(`llamafactory-cli train 'configs/${name}.yaml'`));
  expect(order.every((place, index) => place > (order[index - 1] ?? 0))).toBe(true);
});

test('a base GGUF file is no base of other trainers, but says what checkpoints belong to', async () => {
  const folder = await writeTinyBase(join(temporary(), 'tiny'));
  await writeGgufOf(folder, join(temporary(), 'tiny.gguf'));
  await writeConfig({ base: 'tiny.gguf' });
  await expect(recipe()).rejects.toMatchObject({
    code: 'UNSUPPORTED_BASE',
    message: expect.stringContaining('trainers do not take a GGUF file'),
  });
  const out = join(temporary(), 'run');
  await finetune({ ...TINY_RUN, base: folder, tasks: join(temporary(), 'tasks'), out });
  const saves = join(temporary(), 'saves');
  for (const name of Object.keys(ANSWERS))
    await cp(join(out, name, 'checkpoints'), join(saves, name), { recursive: true });
  const pairs = join(temporary(), 'pairs');
  await importCheckpoints({ from: saves, config, out: pairs });
  expect((await openPairs(pairs)).base).toMatchObject({ modelType: 'llama', hidden: 32, layers: 2 });
});

test('TRL gets the runs as JSON, conversations, and a program that makes them', async () => {
  await writeFile(join(temporary(), 'neutral.json'), JSON.stringify(examples('anything')));
  await writeConfig({ jointTrain: 'neutral.json', steps: 0, system: 'Be brief.', schedule: 'cosine', warmupSteps: 2 });
  const { out, runs, command } = await recipe({ trainer: 'trl', template: undefined, maxLength: 512 });
  expect({ runs, command }).toEqual({ runs: ['joint', ...Object.keys(ANSWERS)], command: 'python train.py' });
  const files = await filesOf(out);
  const made = JSON.parse(String(files.get('recipe.json')));
  expect(made).toMatchObject({
    ...{ base: 'Qwen/Qwen2.5-7B', seed: 3, lora: { r: 4, lora_alpha: 6, target_modules: ['q_proj', 'v_proj'] } },
    training: { completion_only_loss: true, max_length: 512, save_only_model: true },
  });
  expect(made.runs[0]).toMatchObject({
    data: ['joint'],
    from: null,
    training: { lr_scheduler_type: 'cosine', warmup_steps: 2 },
  });
  expect(made.runs[1]).toMatchObject({
    ...{ data: ['animals'], from: 'saves/joint', output: 'saves/animals' },
    training: { save_steps: 2, max_steps: 10, learning_rate: 1e-7, lr_scheduler_type: 'constant', warmup_steps: 0 },
  });
  const [line] = String(files.get('data/animals.jsonl')).split('\n');
  expect(JSON.parse(line!)).toEqual({
    prompt: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Word 0?' },
    ],
    completion: [{ role: 'assistant', content: ANSWERS.animals }],
  });
  expect(files.has('data/joint.jsonl')).toBe(true);
});

test('a base in a folder is named by its path', async () => {
  const base = await writeTinyBase(join(temporary(), 'base'));
  await writeConfig({ base: 'base' });
  const { out } = await recipe({ trainer: 'trl' });
  expect(JSON.parse(await readFile(join(out, 'recipe.json'), 'utf8')).base).toBe(base);
});

test.each<[string, object, Partial<RecipeOptions>, string]>([
  [
    'an alpha that is no whole number',
    { alpha: 1.5 },
    {},
    'LLaMA-Factory has only whole numbers; expected one, got 1.5',
  ],
  ['no template', {}, { template: undefined }, "template: LLaMA-Factory needs its name of the base's chat template"],
  ['another trainer', {}, { trainer: 'axolotl' as never }, 'trainer: is not valid; expected one of llama-factory, trl'],
  ['an unknown setting', { stepps: 1 }, {}, 'did you mean steps?'],
])('%s is refused before anything is written', async (_, changes, options, message) => {
  await writeConfig(changes);
  await expect(recipe(options)).rejects.toThrow(message);
  expect(await readdir(temporary())).not.toContain('recipe');
});

describe('import', () => {
  /** What a trainer leaves: checkpoints, its own files beside them, and the last adapter again. */
  async function writeSaves(): Promise<{ saves: string; base: string }> {
    const base = await writeTinyBase(join(temporary(), 'base'));
    const out = join(temporary(), 'made');
    await finetune({ ...TINY_RUN, base, tasks: join(temporary(), 'tasks'), out });
    const saves = join(temporary(), 'saves');
    for (const task of Object.keys(ANSWERS)) {
      for (const [path, bytes] of await filesOf(join(out, task, 'checkpoints'))) {
        const target = join(saves, task, path);
        await mkdir(join(target, '..'), { recursive: true });
        await writeFile(target, bytes);
        await writeFile(join(target, '..', 'optimizer.pt'), 'x');
        await writeFile(join(saves, task, path.split('/').at(-1)!), bytes);
      }
      await mkdir(join(saves, task, 'checkpoint-99'));
    }
    return { saves, base };
  }

  test('takes the newest checkpoints of each task, and its prompts', async () => {
    const { saves, base } = await writeSaves();
    const out = join(temporary(), 'pairs');
    const argv = ['pairs', 'import', saves, '--config', config, '--base', base, '--last', 2, '--out', out];
    const { code, result } = await dndJson<{ tasks: unknown[] }>(argv);
    expect(code).toBe(0);
    expect(result.tasks).toEqual(Object.keys(ANSWERS).map((task) => ({ task, prompts: 6, checkpoints: 2 })));
    const pairs = await openPairs(out);
    expect(pairs.adapter).toMatchObject({ rank: 2, alpha: 4 });
    expect(pairs.base).toMatchObject({ hidden: 32 });
    expect(pairs.tasks.map(({ name, heldOut }) => [name, heldOut])).toEqual([
      ['animals', true],
      ['plants', false],
      ['stones', false],
    ]);
    expect(pairs.tasks[0]!.checkpoints.map(({ name }) => name.split('/').at(-1))).toEqual([
      'checkpoint-6',
      'checkpoint-7',
    ]);
    expect(await readdir(join(out, 'animals', 'checkpoints', 'checkpoint-7'))).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
    ]);
  });

  test('refuses a task without checkpoints, and checkpoints that do not fit together, and writes nothing', async () => {
    const { saves, base } = await writeSaves();
    const options = { from: saves, config, base, out: join(temporary(), 'pairs') };
    await rm(join(saves, 'stones'), { recursive: true });
    await expect(importCheckpoints(options)).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
      message: expect.stringMatching(/^task stones: .*stones has no checkpoints; expected folders checkpoint-…/),
    });
    const other = await writeTinyBase(join(temporary(), 'other'), { config: { intermediate_size: 64 } });
    await writeConfig({ tasks: [{ name: 'plants', train: 'tasks/plants/train.json' }] });
    await expect(importCheckpoints({ ...options, base: other })).rejects.toMatchObject({ code: 'LAYOUT_MISMATCH' });
    expect(await readdir(temporary())).not.toContain('pairs');
  });
});

test('dnd pairs recipe says how to go on', async () => {
  const out = join(temporary(), 'recipe');
  const argv = ['pairs', 'recipe', '--config', config, '--trainer', 'trl', '--out', out];
  const { code, stdout } = await dnd(argv);
  expect(code).toBe(0);
  expect(stdout).toContain(`cd ${out} && python train.py`);
  expect(stdout).toContain(`dnd pairs import ${out}/saves --config ${config} --out <pairs>`);
  expect(await dnd(argv)).toMatchObject({ code: 1, stderr: expect.stringContaining('exists and is not empty') });
  expect((await dnd([...argv, '--force'])).code).toBe(0);
});
