import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readPeft } from '../../src/adapter/index.js';
import { cpuInfo } from '../../src/engine/index.js';
import { type FinetuneOptions, type FinetuneStep, type FinetuneTask, finetune } from '../../src/finetuning/index.js';
import { loadLanguageModel } from '../../src/language/index.js';
import { openPairs } from '../../src/training/pairs/index.js';
import { writeGgufOf } from '../language/gguf-base.js';
import { writeTinyBase } from '../language/tiny-base.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { ANSWERS, examples, filesOf, TINY_RUN, writeTasks } from './workshop.js';

const temporary = useTemporaryFolder();
let base: string;
let tasks: string;

beforeEach(async () => {
  base = await writeTinyBase(join(temporary(), 'base'));
  tasks = await writeTasks(join(temporary(), 'tasks'));
});

test('writes a pairs folder whose checkpoints answer their task', async () => {
  const out = join(temporary(), 'answers');
  const steps: FinetuneStep[] = [];
  const { tasks: finished, newSteps } = await finetune({
    ...{ ...TINY_RUN, base, tasks, out, rank: 4, steps: 60, checkpoints: 2, batch: 6 },
    onStep: (step) => steps.push(step),
  });
  expect(finished.map(({ task }) => task)).toEqual(Object.keys(ANSWERS));
  expect(newSteps).toBe(3 * 62);
  expect(steps.at(-1)).toMatchObject({ task: 'stones', step: 62, steps: 62, total: { step: 186, steps: 186 } });

  const pairs = await openPairs(out);
  expect(pairs.adapter).toMatchObject({ rank: 4, alpha: 4, useRslora: false });
  expect(pairs.base).toMatchObject({ hidden: 32, layers: 2 });
  const [animals] = pairs.tasks;
  expect(animals!.items).toEqual(examples(ANSWERS.animals));
  expect(animals!.checkpoints.map(({ name }) => name)).toEqual([
    'animals/checkpoints/checkpoint-61',
    'animals/checkpoints/checkpoint-62',
  ]);

  const model = await loadLanguageModel(base, { threads: 1 });
  try {
    const adapters = await Promise.all(
      Object.keys(ANSWERS).map((name) => readPeft(join(out, name, 'checkpoints', 'checkpoint-62'))),
    );
    const prompts = Object.keys(ANSWERS).map(() => 'Word 3?');
    expect(await model.generate(prompts, { adapters, maxNewTokens: 20 })).toEqual(Object.values(ANSWERS));
    expect(await model.generate(prompts.slice(1), { maxNewTokens: 20 })).not.toContain(ANSWERS.animals);
  } finally {
    model.dispose();
  }
});

test('the same settings give the same bytes', async () => {
  const [one, other] = [join(temporary(), 'one'), join(temporary(), 'other')];
  await finetune({ ...TINY_RUN, base, tasks, out: one });
  await finetune({ ...TINY_RUN, base, tasks, out: other, threads: 2 });
  const [ours, theirs] = [await filesOf(one), await filesOf(other)];
  expect([...ours.keys()]).toEqual([...theirs.keys()]);
  expect([...ours.keys()].some((name) => name.startsWith('.'))).toBe(false);
  for (const [name, bytes] of ours)
    if (name !== 'finetune.json') expect([name, bytes.equals(theirs.get(name)!)]).toEqual([name, true]);
});

test('the GGUF file of a base gives the weights that its folder gives', async () => {
  const config = { rms_norm_eps: 2 ** -16 };
  const folder = await writeTinyBase(join(temporary(), 'folder'), { config });
  const { chat_template } = JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8'));
  const metadata = { 'tokenizer.chat_template': chat_template };
  const gguf = await writeGgufOf(folder, join(temporary(), 'base.gguf'), { metadata });
  const outs = [join(temporary(), 'of-folder'), join(temporary(), 'of-gguf')] as const;
  await finetune({ ...TINY_RUN, base: folder, tasks, out: outs[0] });
  await finetune({ ...TINY_RUN, base: gguf, tasks, out: outs[1] });
  const [ours, theirs] = [await filesOf(outs[0]), await filesOf(outs[1])];
  const weights = [...ours.keys()].filter((name) => name.endsWith('.safetensors'));
  expect(weights.length).toBeGreaterThan(2);
  for (const name of weights) expect([name, ours.get(name)!.equals(theirs.get(name)!)]).toEqual([name, true]);
  // Resuming compares the base's weights.
  expect(await finetune({ out: outs[1], resume: true })).toMatchObject({ newSteps: 0 });
  await writeGgufOf(base, gguf, { metadata, type: 'F32' });
  await expect(finetune({ out: outs[1], resume: true })).rejects.toMatchObject({ code: 'RESUME_MISMATCH' });
});

(cpuInfo().bfloat16 ? test : test.skip)('a run in bf16, on a CPU with AVX512-BF16, stays in bf16', async () => {
  const [out, plain] = [join(temporary(), 'bf16'), join(temporary(), 'fp32')];
  await finetune({ ...TINY_RUN, base, tasks, out, precision: 'bf16' });
  await finetune({ ...TINY_RUN, base, tasks, out: plain });
  const [rounded, exact] = [await filesOf(out), await filesOf(plain)];
  const weights = join('stones', 'checkpoints', 'checkpoint-7', 'adapter_model.safetensors');
  expect(rounded.get(weights)!.length).toBe(exact.get(weights)!.length);
  expect(rounded.get(weights)).not.toEqual(exact.get(weights));
  await expect(finetune({ out, resume: true, precision: 'fp32' })).rejects.toMatchObject({
    code: 'RESUME_MISMATCH',
    message: expect.stringMatching(/precision is "bf16", not "fp32"/),
  });
});

test('a joint run comes first, on the tasks that are not held out, and every task continues from it', async () => {
  const out = join(temporary(), 'joint');
  const steps: FinetuneStep[] = [];
  const list = Object.keys(ANSWERS).map((name) => ({ name, train: join(tasks, name, 'train.json') }));
  const settings = { ...TINY_RUN, base, jointSteps: 5, steps: 0, checkpoints: 1, checkpointLearningRate: 1e-9 };
  await finetune({
    ...{ ...settings, out, tasks: [{ ...list[0]!, heldOut: true }, ...list.slice(1)] },
    onStep: (step) => steps.push(step),
  });
  expect(steps.map(({ task }) => task)).toEqual([...Array(5).fill('joint'), ...Object.keys(ANSWERS)]);
  expect(steps.at(-1)!.total).toEqual({ step: 8, steps: 8 });
  const joint = await readPeft(join(out, 'joint'));
  for (const name of Object.keys(ANSWERS)) {
    const own = await readPeft(join(out, name, 'checkpoints', 'checkpoint-1'));
    for (const [tensor, { data }] of joint.tensors)
      expect(
        Math.max(...data.map((value, index) => Math.abs(value - own.tensors.get(tensor)!.data[index]!))),
      ).toBeLessThan(1e-6);
  }
  const pairs = await openPairs(out);
  expect(pairs.tasks.filter(({ heldOut }) => heldOut).map(({ name }) => name)).toEqual(['animals']);

  // The held-out task's data changes nothing of the joint run.
  await writeTasks(tasks, { animals: 'something else' });
  const again = join(temporary(), 'again');
  await finetune({ ...settings, out: again, tasks: [{ ...list[0]!, heldOut: true }, ...list.slice(1)] });
  const files = [await filesOf(out), await filesOf(again)].map((all) => all.get('joint/adapter_model.safetensors'));
  expect(files[0]!.equals(files[1]!)).toBe(true);
});

test('a joint run can have examples of its own', async () => {
  const jointTrain = join(temporary(), 'neutral.json');
  await writeFile(jointTrain, JSON.stringify(examples('anything')));
  const run = { ...TINY_RUN, base, tasks, jointSteps: 2 };
  await finetune({ ...run, out: join(temporary(), 'own'), jointTrain });
  await finetune({ ...run, out: join(temporary(), 'theirs') });
  const [own, theirs] = await Promise.all(
    ['own', 'theirs'].map(
      async (name) => (await filesOf(join(temporary(), name))).get('joint/adapter_model.safetensors')!,
    ),
  );
  expect(own!.equals(theirs!)).toBe(false);
  await expect(finetune({ ...run, out: join(temporary(), 'none'), jointTrain, jointSteps: 0 })).rejects.toThrow(
    'jointTrain is given, but there is no joint run',
  );
});

test('tasks start from a given adapter, whose rank, alpha and modules they have', async () => {
  const first = join(temporary(), 'first');
  await finetune({ ...TINY_RUN, base, tasks, out: first, rank: 3, alpha: 9, modules: ['v_proj', 'q_proj'] });
  const start = join(first, 'plants', 'checkpoints', 'checkpoint-7');
  const { rank: _, alpha: __, ...others } = TINY_RUN;
  const out = join(temporary(), 'second');
  const run = { ...others, base, tasks, start, steps: 0, checkpoints: 1, checkpointLearningRate: 1e-9 };
  await finetune({ ...run, out });
  expect((await openPairs(out)).adapter).toEqual({
    rank: 3,
    alpha: 9,
    useRslora: false,
    modules: ['q_proj', 'v_proj'],
  });
  const [before, after] = [await readPeft(start), await readPeft(join(out, 'animals', 'checkpoints', 'checkpoint-1'))];
  for (const [name, { data }] of before.tensors)
    for (const [index, value] of data.entries()) expect(after.tensors.get(name)!.data[index]!).toBeCloseTo(value, 5);
  await expect(finetune({ ...run, out: join(temporary(), 'third'), rank: 2 })).rejects.toThrow(
    'rank cannot be set together with start',
  );
});

test('gradients accumulated over micro-batches are those of the batch', async () => {
  const run = { ...TINY_RUN, base, tasks, checkpoints: 1 };
  await finetune({ ...run, out: join(temporary(), 'whole') });
  await finetune({ ...run, out: join(temporary(), 'parts'), microBatch: 2 });
  const [whole, parts] = await Promise.all(
    ['whole', 'parts'].map((name) => readPeft(join(temporary(), name, 'animals', 'checkpoints', 'checkpoint-5'))),
  );
  for (const [name, { data }] of whole!.tensors)
    for (const [index, value] of data.entries()) expect(parts!.tensors.get(name)!.data[index]!).toBeCloseTo(value, 4);
});

test('the state survives an abort, and the resumed run ends with the same bytes', async () => {
  const reference = join(temporary(), 'reference');
  const out = join(temporary(), 'aborted');
  await finetune({ ...TINY_RUN, base, tasks, out: reference });
  for (let aborts = 0; ; aborts++) {
    const controller = new AbortController();
    let steps = 0;
    const onStep = () => {
      if (++steps === 5) controller.abort(new Error('enough'));
    };
    const run = finetune({ ...TINY_RUN, base, tasks, out, resume: true, onStep, signal: controller.signal });
    const ended = await run.then(
      ({ newSteps }) => newSteps,
      (error: Error) => error.message,
    );
    if (ended === 'enough') continue;
    // 21 steps, of which none is done twice.
    expect([aborts, ended]).toEqual([4, 1]);
    break;
  }
  const [ours, theirs] = [await filesOf(out), await filesOf(reference)];
  expect([...ours.keys()]).toEqual([...theirs.keys()]);
  for (const [name, bytes] of theirs) expect([name, bytes.equals(ours.get(name)!)]).toEqual([name, true]);
});

describe('resuming', () => {
  /** A run that stopped after its first step. */
  async function stopped(changes: Partial<FinetuneOptions> = {}): Promise<string> {
    const out = join(temporary(), 'stopped');
    const controller = new AbortController();
    const reason = new Error('stop');
    const run = finetune({
      ...{ ...TINY_RUN, base, tasks, out, ...changes },
      signal: controller.signal,
      onStep: () => controller.abort(reason),
    });
    await expect(run).rejects.toBe(reason);
    return out;
  }

  test('needs nothing but the folder', async () => {
    const out = await stopped();
    expect(await finetune({ out, resume: true })).toMatchObject({ newSteps: 20, out });
    expect(await finetune({ out, resume: true })).toMatchObject({ newSteps: 0, out });
  });

  test('refuses other settings, by name', async () => {
    const out = await stopped();
    await expect(finetune({ out, resume: true, learningRate: 0.5, steps: 9, saveEvery: 3 })).rejects.toMatchObject({
      code: 'RESUME_MISMATCH',
      message: expect.stringContaining(
        'steps is 4, not 9; learningRate is 0.01, not 0.5; omit them, or start a new run',
      ),
    });
  });

  test('refuses other data, by name', async () => {
    const out = await stopped();
    const before = await filesOf(out);
    await writeTasks(tasks, { plants: 'a blue rose' });
    await expect(finetune({ out, resume: true })).rejects.toMatchObject({
      code: 'RESUME_MISMATCH',
      message: expect.stringMatching(/cannot be resumed: the data of task plants in .*train\.json differs\. Restore/),
    });
    await expect(
      finetune({ out, tasks: [{ name: 'x', train: join(tasks, 'plants', 'train.json') }], resume: true }),
    ).rejects.toThrow('task animals is gone; task plants is gone; task stones is gone; task x is new');
    expect([...(await filesOf(out)).keys()]).toEqual([...before.keys()]);
  });

  test('keeps the descriptions of tasks, which are in the pairs, and refuses others', async () => {
    const file = join(tasks, 'plants', 'descriptions.json');
    await writeFile(file, '["Names a plant."]');
    const out = await stopped();
    await writeFile(file, '["Names a stone."]');
    await expect(finetune({ out, resume: true })).rejects.toMatchObject({
      code: 'RESUME_MISMATCH',
      message: expect.stringContaining('the data of task plants'),
    });
    await writeFile(file, '["Names a plant."]');
    await finetune({ out, resume: true });
    const pairs = await openPairs(out);
    expect(pairs.tasks.map(({ descriptions }) => descriptions)).toEqual([undefined, ['Names a plant.'], undefined]);
  });

  test('refuses a base with other weights', async () => {
    const out = await stopped();
    await writeTinyBase(base, { seed: 2 });
    await expect(finetune({ out, resume: true })).rejects.toThrow(/the base .*base has other weights/);
  });

  test('is not started twice at the same time', async () => {
    const out = await stopped();
    const runs = await Promise.allSettled([finetune({ out, resume: true }), finetune({ out, resume: true })]);
    expect(runs.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(runs.find((run) => run.status === 'rejected')).toMatchObject({ reason: { code: 'RUN_IN_USE' } });
  });
});

describe('bad input is refused before anything is written:', () => {
  afterEach(async () => {
    expect(await readdir(temporary())).not.toContain('out');
  });

  const attempt = (changes: Partial<FinetuneOptions>) =>
    finetune({ ...TINY_RUN, base, tasks, out: join(temporary(), 'out'), ...changes });

  async function withData(items: unknown[]): Promise<{ tasks: FinetuneTask[] }> {
    const train = join(temporary(), 'data.json');
    await writeFile(train, JSON.stringify(items));
    return { tasks: [{ name: 'data', train }] };
  }

  test('data without responses', async () => {
    await expect(attempt(await withData([...examples('a', 2), { prompt: 'and this?' }]))).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringMatching(
        /^item 3 of .*data\.json has no response, and fine-tuning needs one of every prompt/,
      ),
    });
  });

  test('a task with one prompt', async () => {
    await expect(attempt(await withData([examples('a')[0], examples('b')[0]]))).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringMatching(/^task data: .*data\.json has a single prompt/),
    });
  });

  test('a prompt longer than the context, and one that is too long with its response', async () => {
    const long = 'word '.repeat(100);
    await expect(attempt(await withData([...examples('a', 2), { prompt: long, response: 'a' }]))).rejects.toThrow(
      /^the prompt of item 3 of .*data\.json is too long; expected at most 95 tokens/,
    );
    await expect(attempt(await withData([...examples('a', 2), { prompt: 'a', response: long }]))).rejects.toThrow(
      /^item 3 of .*data\.json is too long with its response; expected at most 96 tokens/,
    );
  });

  test('a start adapter of another base', async () => {
    const other = await writeTinyBase(join(temporary(), 'other'), { config: { intermediate_size: 64 } });
    await finetune({ ...TINY_RUN, base: other, tasks, out: join(temporary(), 'others') });
    const { rank: _, alpha: __, ...rest } = TINY_RUN;
    const start = join(temporary(), 'others', 'animals', 'checkpoints', 'checkpoint-5');
    await expect(finetune({ ...rest, base, tasks, out: join(temporary(), 'out'), start })).rejects.toMatchObject({
      code: 'SHAPE_MISMATCH',
      message: expect.stringContaining('does not belong to the base'),
    });
  });

  test('a tokenizer of another model', async () => {
    const other = await writeTinyBase(join(temporary(), 'small'), { config: { vocab_size: 200 } });
    await expect(attempt({ base: other })).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
  });

  test('settings that are unknown, invalid or missing', async () => {
    await expect(attempt({ learningRat: 1 } as never)).rejects.toThrow('did you mean learningRate?');
    await expect(attempt({ batch: 0 })).rejects.toThrow(
      'the settings: batch: is not valid; expected a whole number from 1',
    );
    await expect(attempt({ base: undefined as never })).rejects.toThrow('the settings: base: is missing');
    await expect(attempt({ tasks: undefined })).rejects.toThrow('the settings: tasks: is missing');
    await expect(attempt({ modules: ['c_attn'] })).rejects.toThrow('there is no module "c_attn"');
  });

  test('names that cannot be folders, or repeat, and tasks that are all held out', async () => {
    const train = join(tasks, 'animals', 'train.json');
    const named = (...names: string[]) => attempt({ tasks: names.map((name) => ({ name, train })) });
    await expect(named('a/b')).rejects.toThrow('a task cannot be called "a/b"');
    await expect(named('joint')).rejects.toThrow('a task cannot be called "joint"');
    await expect(named('one', 'One')).rejects.toThrow('there are two tasks called "One"');
    await expect(attempt({ tasks: [{ name: 'a', train, heldOut: true }] })).rejects.toThrow('every task is held out');
    await expect(attempt({ tasks: temporary() })).rejects.toThrow('has no tasks; expected a folder for each');
  });
});

test('an output folder with other contents is left alone', async () => {
  const out = await writeTasks(join(temporary(), 'taken'), { a: 'b' });
  const before = await filesOf(out);
  await expect(finetune({ ...TINY_RUN, base, tasks, out })).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  expect(await filesOf(out)).toEqual(before);
});

test('a loss that is not finite ends the run, which keeps its state', async () => {
  const out = join(temporary(), 'diverged');
  const run = finetune({ ...TINY_RUN, base, tasks, out, learningRate: 1e30, maxGradientNorm: 0, saveEvery: 1 });
  await expect(run).rejects.toMatchObject({
    code: 'NOT_FINITE',
    message: expect.stringMatching(
      /^task animals: after \d steps the (loss|gradient) is not finite\. Lower the learning rate/,
    ),
  });
  expect(await readdir(out)).toEqual(['.finetune', 'finetune.json']);
});
