import { join } from 'node:path';
import { readPeft } from '../../src/adapter/index.js';
import { type FinetuneStep, finetune } from '../../src/finetuning/index.js';
import { loadLanguageModel } from '../../src/language/index.js';
import { openPairs } from '../../src/training/pairs/index.js';
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
}, 60_000);

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
