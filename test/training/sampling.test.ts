import fc from 'fast-check';
import type { Checkpoint, Task } from '../../src/training/pairs/index.js';
import { evaluationSample, type SampledTask, sampleBatch } from '../../src/training/sampler.js';
import { splitPairs } from '../../src/training/split.js';
import { conditionTexts } from '../../src/training/texts.js';
import { itemsOf } from './workshop.js';

function checkpointsOf(task: string, count: number): Checkpoint[] {
  return Array.from({ length: count }, (_, index) => {
    const name = `${task}/checkpoints/${index}.safetensors`;
    const weights = { norm: 1, mean: 0, standardDeviation: 1 };
    const degenerate = { modules: 1, idleModules: 0, constantModules: 0, constantMatrices: 0 };
    return { name, path: `/${name}`, bytes: 1, sha256: name, tensorsSha256: name, weights, degenerate };
  });
}

function taskOf(name: string, checkpoints = 10, prompts = 20, heldOut = false): Task {
  return { name, items: itemsOf(name, prompts), checkpoints: checkpointsOf(name, checkpoints), heldOut };
}

function sampled(name: string, checkpoints = 10, prompts = 20): SampledTask {
  return { ...taskOf(name, checkpoints), texts: Array.from({ length: prompts }, (_, index) => `${name} ${index}`) };
}

const options = { seed: 3, batch: 5, prompts: 4 };

describe('the samples of a step', () => {
  const tasks = [sampled('a'), sampled('b', 3), sampled('c', 1, 2)];

  test('depend on nothing but seed and step', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (seed, step) => {
        expect(sampleBatch(tasks, step, { ...options, seed })).toEqual(sampleBatch(tasks, step, { ...options, seed }));
        expect(sampleBatch(tasks, step, { ...options, seed, batch: 2 })).toEqual(
          sampleBatch(tasks, step, { ...options, seed }).slice(0, 2),
        );
      }),
    );
    expect(sampleBatch(tasks, 1, options)).not.toEqual(sampleBatch(tasks, 0, options));
    expect(sampleBatch(tasks, 0, { ...options, seed: 4 })).not.toEqual(sampleBatch(tasks, 0, options));
  });

  test('are of one task each: its checkpoint, and different prompts of it as long as there are enough', () => {
    for (let step = 0; step < 200; step++)
      for (const { task, checkpoint, texts } of sampleBatch(tasks, step, options)) {
        const own = tasks.find(({ name }) => name === task)!;
        expect(own.checkpoints).toContain(checkpoint);
        expect(texts).toHaveLength(4);
        for (const text of texts) expect(own.texts).toContain(text);
        expect(new Set(texts).size).toBe(Math.min(4, own.texts.length));
      }
  });

  test('take every task, checkpoint and prompt about equally often', () => {
    const counts = new Map<string, number>();
    const count = (key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
    const steps = 3000;
    for (let step = 0; step < steps; step++)
      for (const { task, checkpoint, texts } of sampleBatch(tasks.slice(0, 2), step, options)) {
        count(task);
        count(checkpoint!.name);
        count(`first ${texts[0]}`);
      }
    const expectAbout = (key: string, expected: number) =>
      expect(Math.abs(counts.get(key)! - expected)).toBeLessThan(6 * Math.sqrt(expected));
    expectAbout('a', 7500);
    for (const { name } of tasks[0]!.checkpoints) expectAbout(name, 750);
    for (const { name } of tasks[1]!.checkpoints) expectAbout(name, 2500);
    for (const text of tasks[1]!.texts) expectAbout(`first ${text}`, 375);
  });

  test('may have any number of a task’s texts, so that a generator learns to do with one', () => {
    const counts = new Map<number, number>();
    for (let step = 0; step < 600; step++)
      for (const { texts } of sampleBatch(tasks.slice(1, 3), step, { ...options, someTexts: true })) {
        expect(texts).toHaveLength(4);
        const different = new Set(texts).size;
        counts.set(different, (counts.get(different) ?? 0) + 1);
      }
    // Of 20 texts one to four, of two one or two: 3,000 samples, half of either task.
    const expected = { 1: 1125, 2: 1125, 3: 375, 4: 375 };
    for (const [different, count] of Object.entries(expected))
      expect(Math.abs(counts.get(Number(different))! - count)).toBeLessThan(6 * Math.sqrt(count));
  });

  test('of an evaluation are fixed, and do not change with other tasks', () => {
    const one = evaluationSample(tasks[0]!, { seed: 3, prompts: 4, most: 3 });
    expect(one.texts).toHaveLength(4);
    expect(one.checkpoints).toHaveLength(3);
    expect(evaluationSample(sampled('a'), { seed: 3, prompts: 4, most: 3 })).toEqual(one);
    expect(evaluationSample(tasks[0]!, { seed: 3, prompts: 4, most: 99 }).checkpoints).toEqual(tasks[0]!.checkpoints);
  });
});

describe('the split', () => {
  const settings = { seed: 0, heldOutTasks: undefined, heldOutCheckpoints: 0.1 };

  test('keeps a share of each task’s checkpoints out, at least one of five, and none of fewer', () => {
    const tasks = [taskOf('a', 30), taskOf('b', 5), taskOf('c', 4), taskOf('d', 20, 20, true)];
    const { training, evaluation } = splitPairs(tasks, settings);
    expect(training.map(({ task, checkpoints }) => [task.name, checkpoints.length])).toEqual([
      ['a', 27],
      ['b', 4],
      ['c', 4],
    ]);
    expect(evaluation.map(({ task, heldOut, checkpoints }) => [task.name, heldOut, checkpoints.length])).toEqual([
      ['a', 'checkpoints', 3],
      ['b', 'checkpoints', 1],
      ['d', 'task', 20],
    ]);
    const trained = new Set(training.flatMap(({ checkpoints }) => checkpoints));
    for (const { checkpoints } of evaluation)
      for (const checkpoint of checkpoints) expect(trained.has(checkpoint)).toBe(false);
    expect(splitPairs(tasks, { ...settings, seed: 1 })).not.toEqual(splitPairs(tasks, settings));
  });

  test('moves few checkpoints when some are added', () => {
    const heldOut = (count: number) =>
      splitPairs([taskOf('a', count)], { ...settings, heldOutCheckpoints: 0.5 }).evaluation[0]!.checkpoints.map(
        ({ name }) => name,
      );
    const before = heldOut(40);
    const after = new Set(heldOut(44));
    expect(before.filter((name) => !after.has(name)).length).toBeLessThan(5);
  });

  test('takes the given tasks instead of those of pairs.json', () => {
    const tasks = [taskOf('a'), taskOf('b', 10, 20, true)];
    const { evaluation } = splitPairs(tasks, { ...settings, heldOutTasks: ['a'], heldOutCheckpoints: 0 });
    expect(evaluation.map(({ task, heldOut }) => [task.name, heldOut])).toEqual([['a', 'task']]);
  });

  test('refuses an unknown task with the nearest one, and to train on none', () => {
    expect(() => splitPairs([taskOf('arc-e'), taskOf('boolq')], { ...settings, heldOutTasks: ['arc_e'] })).toThrow(
      'there is no task "arc_e" in the pairs; did you mean arc-e?',
    );
    expect(() => splitPairs([taskOf('a')], { ...settings, heldOutTasks: ['a'] })).toThrow('every task is held out');
  });

  test('leaves a task at least one checkpoint', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.double({ min: 0, max: 0.99, noNaN: true }), (count, share) => {
        const { training } = splitPairs([taskOf('a', count)], { ...settings, heldOutCheckpoints: share });
        expect(training[0]!.checkpoints.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('the texts of a condition', () => {
  const task = taskOf('a', 1, 500);
  const [{ prompt, response }] = task.items as [Task['items'][number]];

  test('are prompts, answers, or both with nothing between', () => {
    expect(conditionTexts(task, 'prompt', 0)[0]).toBe(prompt);
    expect(conditionTexts(task, 'answer', 0)[0]).toBe(response);
    expect(conditionTexts(task, 'prompt+answer', 0)[0]).toBe(`${prompt}answer: ${response}`);
  });

  test('have answers with a fifth of the prompts in a mix, settled by the seed and the task', () => {
    const mixed = conditionTexts(task, 'mix', 5);
    const answered = mixed.filter((text) => text.includes('answer: ')).length;
    expect(Math.abs(answered - 100)).toBeLessThan(40);
    expect(conditionTexts(task, 'mix', 5)).toEqual(mixed);
    expect(conditionTexts(task, 'mix', 6)).not.toEqual(mixed);
  });

  test('are descriptions of the task, which it must have', () => {
    const descriptions = ['about a', 'what a is'];
    expect(conditionTexts({ ...task, descriptions }, 'description', 0)).toEqual(descriptions);
    expect(() => conditionTexts(task, 'description', 0)).toThrow(
      "the form 'description' needs descriptions of every task, and task a has none",
    );
  });

  test('are refused where a response is missing that the form needs', () => {
    const items = [...task.items.slice(0, 3), { prompt: 'p', response: '' }];
    expect(() => conditionTexts({ name: 'a', items }, 'answer', 0)).toThrow('item 4 of task a has none');
    expect(conditionTexts({ name: 'a', items }, 'mix', 0)[3]).toBe('p');
    expect(conditionTexts({ name: 'a', items }, 'prompt', 0)).toHaveLength(4);
  });
});
