import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SplitMix64 } from '../../../src/random/split-mix.js';
import { useTemporaryFolder } from '../../temporary-folder.js';

const { DEVELOPMENT, HELD_OUT } = require('../../../worlds/smollm2/instructions/held-out.cjs');
const { licenceOf } = require('../../../worlds/smollm2/instructions/licences.cjs');
const { checkWorld } = require('../../../worlds/smollm2/instructions/rules.cjs');
const { FULL, makeTasks, writeTasks } = require('../../../worlds/smollm2/instructions/world.cjs');
const { makeShortTasks, writeShortTasks } = require('../../../worlds/smollm2/reduced/short-tasks.cjs');
const { INSTRUCTIONS, REDUCED } = require('../../../worlds/smollm2/worlds.cjs');

interface Drawn {
  item: { prompt: string; response: string };
  input: string;
  keys: string[];
}
interface Task {
  name: string;
  family: string;
  cluster: string;
  operation: string;
  heldOut: boolean;
  development: boolean;
  isSource?: boolean;
  inputs: string;
  wordings: string[];
  descriptions: string[];
  train: Drawn[];
  test: Drawn[];
  licence: string;
  shippable: boolean;
  answer(input: string): string | undefined;
}

const SMALL = {
  items: { train: 48, test: 16 },
  least: { tasks: 200, heldOut: 25, development: 12, train: 24, test: 4 },
};
const folder = useTemporaryFolder();

async function build(seed = 1, tasks = makeShortTasks(), world: object = SMALL): Promise<Task[]> {
  const source = await mkdtemp(join(tmpdir(), 'dnd-short-tasks-'));
  try {
    await writeShortTasks(source, tasks);
    return await makeTasks(SplitMix64, source, seed, world);
  } finally {
    await rm(source, { recursive: true });
  }
}

/** A task to put a world together by hand. */
const plainTask = (
  name: string,
  operation: string,
  answer: (input: string) => string,
  others: Partial<Task> = {},
): Task => {
  const draw = (input: string): Drawn => ({
    item: { prompt: `${name}: ${input}`, response: answer(input) },
    input,
    keys: [input],
  });
  return {
    name,
    operation,
    answer,
    family: 'letters',
    cluster: 'letters',
    inputs: 'a word',
    heldOut: false,
    development: false,
    wordings: ['a', 'b', 'c'],
    descriptions: ['a', 'b'],
    train: ['one', 'two', 'three'].map(draw),
    test: ['four', 'five'].map(draw),
    licence: 'MIT',
    shippable: true,
    ...others,
  };
};
const FEW = { tasks: 2, heldOut: 0, development: 0, train: 2, test: 2 };
const problem = (tasks: Task[], limits = FEW) => {
  try {
    checkWorld(tasks, limits);
    return undefined;
  } catch (error) {
    return error as Error & { code: string };
  }
};

describe('instruction tasks of small sources', () => {
  let tasks: Task[];
  beforeAll(async () => {
    tasks = await build();
  });

  test('have distinct prompts, enough items, three wordings and descriptions', () => {
    expect(tasks.length).toBeGreaterThanOrEqual(SMALL.least.tasks);
    for (const { train, test: tests, wordings, descriptions } of tasks) {
      const prompts = [...train, ...tests].map(({ item }) => item.prompt);
      expect(new Set(prompts).size).toBe(prompts.length);
      expect(train.length).toBeGreaterThanOrEqual(24);
      expect(tests.length).toBeGreaterThanOrEqual(4);
      expect(new Set(wordings).size).toBe(3);
      expect(descriptions.length).toBeGreaterThanOrEqual(2);
      expect(descriptions.join('')).not.toMatch(/[{}]|undefined/);
    }
  });

  test('have short responses, and prompts without gaps', () => {
    const items = tasks.flatMap(({ train, test: tests }) => [...train, ...tests].map(({ item }) => item));
    for (const { prompt, response } of items) {
      expect(response.length).toBeLessThanOrEqual(48);
      expect(`${prompt}${response}`).not.toMatch(/undefined|NaN|\{\d?\}|\t/);
    }
  });

  test('answer by the rule that the prompt states', () => {
    const one = (name: string) => tasks.find((task) => task.name === name)!.answer;
    expect(one('list-second-of-3')('ba, de, fi')).toBe('de');
    expect(one('list-sorted-of-3')('de, fi, ba')).toBe('ba, de, fi');
    expect(one('list-word-before')('ba, de, fi, go\tfi')).toBe('de');
    expect(one('letters-without-vowels')('madero')).toBe('mdr');
    expect(one('letters-count-letter')('banana\ta')).toBe('3');
    expect(one('letters-count-letter')('banana')).toBeUndefined();
    expect(one('number-ordinal')('112')).toBe('112th');
    expect(one('number-ordinal')('121')).toBe('121st');
    expect(one('number-roman')('49')).toBe('XLIX');
    expect(one('number-words-of-double')('1050')).toBe('two thousand, one hundred');
    expect(one('number-words-to-digits')('nine hundred and eighteen')).toBe('918');
    expect(one('number-progression-before')('7, 9, 11, 13')).toBe('5');
    expect(one('number-half')('7')).toBeUndefined();
  });

  test('are too few for the whole world', () => {
    expect(problem(tasks, { ...SMALL.least, tasks: FULL.least.tasks })?.message).toMatch(
      /too few tasks; expected at least 300, got 2\d\d/,
    );
  });

  test('keep test inputs out of the training inputs of the whole family', () => {
    const keys = (side: 'train' | 'test') =>
      new Set(
        tasks.flatMap((task) => task[side].flatMap((drawn) => drawn.keys.map((key) => `${task.family}: ${key}`))),
      );
    const [train, tests] = [keys('train'), keys('test')];
    expect([...tests].filter((key) => train.has(key))).toEqual([]);
    expect(tests.size).toBeGreaterThan(500);
  });

  test('test on what the source tests on, and on nothing that it trains on', () => {
    const { test: sourceTests } = makeShortTasks()['country-capital']!;
    const tested = new Set(sourceTests.map(({ response }: { response: string }) => response));
    const inverse = tasks.find(({ name }) => name === 'relation-country-of-capital')!;
    expect(inverse.test.filter(({ input }) => !tested.has(input))).toEqual([]);
    expect(inverse.train.filter(({ input }) => tested.has(input))).toEqual([]);
  });

  test('hold out the tasks of the list and those of the source, and train on no operation of them', () => {
    const held = tasks.filter(({ heldOut }) => heldOut);
    expect(held.filter(({ isSource }) => isSource).map(({ name }) => name)).toEqual([
      'choose_last_of_5',
      'lowercase_last_letter',
    ]);
    expect(held.filter(({ isSource }) => !isSource).every(({ name }) => HELD_OUT.includes(name))).toBe(true);
    const trained = tasks
      .filter(({ heldOut }) => !heldOut)
      .flatMap(({ operation }) => [operation, ...operation.split('+')]);
    expect(held.map(({ operation }) => operation).filter((operation) => trained.includes(operation))).toEqual([]);
    // The first and third country's capital are only other positions of the held-out second.
    const names = tasks.map(({ name }) => name);
    expect(names).toContain('combined-second-capital');
    expect(names).not.toContain('combined-first-capital');
    expect(names).toContain('combined-first-antonym');
  });

  test('for development are those of the list, whose operations are neither trained on nor held out', () => {
    const isStep = (operation: string) => (other: Task) =>
      [other.operation, ...other.operation.split('+')].includes(operation);
    const own = tasks.filter(({ development }) => development);
    expect(own.map(({ name }) => name).sort()).toEqual(
      tasks
        .map(({ name }) => name)
        .filter((name) => DEVELOPMENT.includes(name))
        .sort(),
    );
    expect(own.length).toBeGreaterThanOrEqual(SMALL.least.development);
    expect(own.filter(({ heldOut }) => heldOut)).toEqual([]);
    const others = tasks.filter(({ development }) => !development);
    expect(own.filter(({ operation }) => others.some(isStep(operation)))).toEqual([]);
  });

  test('keep the first of the items that were checked where fewer are wanted', async () => {
    const few = await build(1, makeShortTasks(), { ...SMALL, kept: { train: 10, test: 3 } });
    expect(few.map(({ name, train, test: tests }) => ({ name, train, tests }))).toEqual(
      tasks.map(({ name, train, test: tests }) => ({ name, train: train.slice(0, 10), tests: tests.slice(0, 3) })),
    );
  });

  test('named alone are as they are among all', async () => {
    const only = REDUCED.data.only as string[];
    const few = await build(1, makeShortTasks(), { ...SMALL, only, least: { ...FEW, tasks: 6 } });
    const items = (some: Task[]) => some.map(({ name, train, test: tests }) => ({ name, train, tests }));
    expect(items(few)).toEqual(items(tasks.filter(({ name }) => only.includes(name))));
    const unknown = { ...SMALL, only: ['letters-upper', 'riddles'] };
    await expect(build(1, makeShortTasks(), unknown)).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringMatching(/^there is no task riddles/),
    });
  });

  test('are shippable if the licences of all their sources are', () => {
    const of = (name: string) => tasks.find((task) => task.name === name)!;
    expect(of('letters-upper')).toMatchObject({ licence: 'MIT (made up)', shippable: true });
    expect(of('intent_banking')).toMatchObject({ licence: 'CC-BY-3.0 (made up)', shippable: true });
    expect(of('number-double')).toMatchObject({ licence: 'Apache-2.0 (made by this project)', shippable: true });
    expect(of('MR').shippable).toBe(false);
    expect(of('review-kind-of-review').shippable).toBe(false);
  });

  test('are the same for a seed, and others for another', async () => {
    const text = (some: Task[]) => JSON.stringify(some.map(({ name, train, test: tests }) => [name, train, tests]));
    expect(text(await build())).toBe(text(tasks));
    expect(text(await build(2))).not.toBe(text(tasks));
  });

  test('are written as a folder of tasks and an index', async () => {
    const out = join(folder(), 'instructions', 'tasks');
    const few = tasks.slice(0, 5);
    await writeTasks(few, 1, out);
    await writeTasks(few, 1, out);
    const read = async (...path: string[]) => JSON.parse(await readFile(join(out, ...path), 'utf8'));
    const index = await read('index.json');
    const names = index.tasks.map(({ name }: Task) => name);
    expect([...names, 'index.json'].sort()).toEqual((await readdir(out)).sort());
    const [first] = index.tasks;
    expect(first).toMatchObject({
      name: 'animal_v_object_3',
      cluster: 'pick',
      heldOut: false,
      development: false,
      source: true,
      shippable: true,
      train: 48,
      test: 16,
    });
    expect(await read(first.name, 'train.json')).toEqual(tasks[0]!.train.map(({ item }) => item));
    expect(await read(first.name, 'test.json')).toHaveLength(16);
    expect(await read(first.name, 'descriptions.json')).toEqual(tasks[0]!.descriptions);
  });
});

describe('licences', () => {
  test.each([
    ['CC-BY-SA-3.0 (BoolQ)', false],
    ['CC-BY-NC-4.0', false],
    ['original data sets, research use: never for shipped weights', false],
    ['Apache-2.0 (someone)', true],
    ['CC-BY-4.0', true],
  ])('%s: shippable %s, also beside one that is', (licence, shippable) => {
    expect(licenceOf([licence])).toEqual({ licence, shippable });
    expect(licenceOf(['MIT (made up)', licence, licence]).shippable).toBe(shippable);
  });

  test('of all sources of a task are named', () => {
    expect(licenceOf(['MIT', 'CC-BY-4.0', 'MIT']).licence).toBe('CC-BY-4.0; MIT');
  });
});

describe('a source', () => {
  test('whose prompts are in no known wording is refused with the prompt', async () => {
    const tasks = makeShortTasks();
    tasks.antonym!.test[0] = { prompt: 'Contrary of big, please', response: 'small' };
    await expect(build(1, tasks)).rejects.toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringMatching(/^antonym: .*Contrary of big/),
    });
  });

  test('task that is unknown is refused by name', async () => {
    const tasks = makeShortTasks();
    await expect(build(1, { ...tasks, riddles: tasks.antonym! })).rejects.toMatchObject({
      message: expect.stringMatching(/unknown task riddles/),
    });
  });
});

describe('the rules refuse', () => {
  const first = plainTask('first', 'first-letter', (word) => word[0]!);
  const last = plainTask('last', 'last-letter', (word) => word.at(-1)!);

  test('nothing of a world that keeps them', () => {
    expect(problem([first, { ...last, heldOut: true }])).toBeUndefined();
  });

  test('a held-out task with the operation of a training task', () => {
    const variant = plainTask('first-again', 'first-letter', (word) => word.slice(0, 2), { heldOut: true });
    expect(problem([first, variant])?.message).toMatch(
      /first-again is held out, but first is trained on with its operation/,
    );
  });

  test('a held-out operation that is a step of a training task', () => {
    const two = plainTask('two-steps', 'last-letter+upper', (word) => word.at(-1)!.toUpperCase());
    expect(problem([two, { ...last, heldOut: true }])?.message).toMatch(/two-steps is trained on/);
  });

  test('a task for development with the operation of a training task, or one that a training task has as a step', () => {
    const development = { ...last, development: true };
    const again = plainTask('last-again', 'last-letter', (word) => word.slice(-2));
    expect(problem([again, development])?.message).toMatch(
      /last is for development, but last-again is trained on with its operation last-letter/,
    );
    const two = plainTask('two-steps', 'last-letter+upper', (word) => word.at(-1)!.toUpperCase());
    expect(problem([two, development])?.message).toMatch(/last is for development, but two-steps is trained on/);
    expect(problem([first, development])).toBeUndefined();
    expect(problem([{ ...two, development: true }, last])).toBeUndefined();
  });

  test('a held-out task whose operation is that of a task for development, and one that is both', () => {
    const held = plainTask('last-again', 'last-letter', (word) => word.slice(-2), { heldOut: true });
    expect(problem([{ ...last, development: true }, held])?.message).toMatch(
      /last-again is held out, but last is for development with its operation/,
    );
    expect(problem([first, { ...last, development: true, heldOut: true }])?.message).toMatch(
      /last is held out and for development/,
    );
  });

  test('a held-out task whose answers are mostly those of a training task but for case', () => {
    const same = plainTask('capital', 'first-letter-capital', (word) => word[0]!.toUpperCase(), { heldOut: true });
    expect(problem([first, same])?.message).toMatch(/capital is held out, but answers as first to 5 of 5 inputs/);
  });

  test('two held-out tasks with one operation', () => {
    const held = [last, plainTask('last-too', 'last-letter', (word) => word.slice(-2))].map((task) => ({
      ...task,
      heldOut: true,
    }));
    expect(problem([first, ...held])?.message).toMatch(/have the same operation last-letter/);
  });

  test('a test input that another task of the family trains on', () => {
    const leaking = plainTask('leaking', 'length', (word) => String(word.length));
    leaking.train.push({ item: { prompt: 'leaking: four', response: '4 letters' }, input: 'four', keys: ['four'] });
    leaking.test = leaking.test.slice(1);
    expect(problem([first, leaking], { ...FEW, test: 1 })?.message).toMatch(
      /the test input "four" is a training input of leaking/,
    );
    expect(problem([first, { ...leaking, family: 'words' }], { ...FEW, test: 1 })).toBeUndefined();
  });

  test('a prompt that two tasks answer differently', () => {
    const other = plainTask('first', 'length', (word) => String(word.length), { name: 'other' });
    expect(problem([first, other])?.message).toMatch(/other and first answer "first: one" differently/);
  });

  test('too few items, tasks or held-out tasks', () => {
    expect(problem([first, last], { ...FEW, train: 4 })).toMatchObject({
      code: 'INVALID_PROMPTS',
      message: expect.stringMatching(/training items of first; expected at least 4, got 3/),
    });
    expect(problem([first, last], { ...FEW, tasks: 3 })?.message).toMatch(/too few tasks/);
    expect(problem([first, last], { ...FEW, heldOut: 1 })?.message).toMatch(/too few held-out tasks/);
    expect(problem([first, last], { ...FEW, development: 1 })?.message).toMatch(/too few tasks for development/);
  });
});

const SOURCES = join(process.env.DND_SHARED ?? join(__dirname, '../../../../shared'), 'data/short_tasks');
(existsSync(SOURCES) ? test : test.skip)(
  `the world that is built has what it promises (needs the source tasks, ${SOURCES})`,
  async () => {
    const tasks: Task[] = await makeTasks(SplitMix64, SOURCES, 1, INSTRUCTIONS.data);
    for (const { train, test: tests } of tasks) expect([train.length, tests.length]).toEqual([64, 20]);
    expect(tasks.filter(({ heldOut }) => heldOut)).toHaveLength(INSTRUCTIONS.evaluation.tasks);
    expect(tasks.filter(({ development }) => development)).toHaveLength(25);
  },
);
