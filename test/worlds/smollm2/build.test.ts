import { execFile, spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { useTemporaryFolder } from '../../temporary-folder.js';

const { runAll } = require('../../../worlds/smollm2/schedule.cjs');
const { checkShipped } = require('../../../worlds/smollm2/ship.cjs');
const { STAGES, stagesOf } = require('../../../worlds/smollm2/stages.cjs');
const { evaluatedTasks, singleTasks, tasksOfTraining } = require('../../../worlds/smollm2/tasks.cjs');
const { secondsLeft } = require('../../../worlds/smollm2/time-left.cjs');
const { COMPARISON, INSTRUCTIONS, REDUCED, STYLES, worldsOf } = require('../../../worlds/smollm2/worlds.cjs');

interface Task {
  name: string;
  heldOut: boolean;
  development?: boolean;
  shippable?: boolean;
}

const folder = useTemporaryFolder();
const namesOf = (tasks: { name: string }[]) => tasks.map(({ name }) => name);

describe('the worlds', () => {
  test('are those that are asked for, the house styles by either split', () => {
    expect(worldsOf(['styles', 'instructions'])).toEqual([STYLES, INSTRUCTIONS]);
    expect(worldsOf(['reduced', 'reduced'])).toEqual([REDUCED]);
    const [pairs] = worldsOf(['styles'], 'pairs');
    expect([STYLES.name, pairs.name]).toEqual(['house-styles', 'house-styles-pairs']);
    expect(pairs).toMatchObject({ data: { split: 'pairs' }, evaluation: STYLES.evaluation });
  });

  test.each([
    [['style'], undefined, /^--world: expected some of styles, instructions, reduced, comparison, got "style"$/],
    [['styles'], 'thirds', /^--split: expected combinations or pairs, got "thirds"$/],
    [['styles'], 'constructor', /^--split: expected combinations or pairs/],
    [['instructions'], 'pairs', /^--split is of the world styles/],
  ])('%j, split %s, are refused', (names, split, message) => {
    expect(() => worldsOf(names, split)).toThrow(message);
  });

  test('have a rough time for each stage', () => {
    for (const { minutes } of [STYLES, INSTRUCTIONS, REDUCED])
      expect(Object.keys(minutes)).toEqual(STAGES.map(({ name }: { name: string }) => name));
  });

  test('are shipped if the package has a generator of them, when they are built to the end', () => {
    expect(() => checkShipped([STYLES], true)).not.toThrow();
    expect(() => checkShipped([STYLES, INSTRUCTIONS], true)).toThrow(/no generator of the world instructions$/);
    expect(() => checkShipped([STYLES], false)).toThrow(/expected a build with its evaluation/);
    expect(() => checkShipped(worldsOf(['styles', 'instructions'], 'pairs'), true)).toThrow(
      /world house-styles-pairs$/,
    );
    expect(() => checkShipped([REDUCED], true)).toThrow(/no generator of the world reduced$/);
  });
});

describe('the tasks of a stage', () => {
  const plain = { heldOut: false, development: false, shippable: true };
  const numbered = (name: string, count: number, own: object): Task[] =>
    Array.from({ length: count }, (_, at) => ({ name: `${name}-${at}`, ...plain, ...own }));
  const tasks = [
    ...numbered('train', 20, {}),
    ...numbered('research', 3, { shippable: false }),
    ...numbered('held', 30, { heldOut: true }),
    ...numbered('development', 4, { development: true }),
  ];

  test('of instruction training are what may be shipped and, as held out, those for development', () => {
    const chosen: Task[] = tasksOfTraining(INSTRUCTIONS, tasks);
    expect(namesOf(chosen.filter(({ heldOut }) => !heldOut))).toEqual(namesOf(numbered('train', 20, {})));
    expect(namesOf(chosen.filter(({ heldOut }) => heldOut))).toEqual(namesOf(numbered('development', 4, {})));
  });

  test('that another world has in its table are not evaluated', () => {
    const spared = tasks.map((task, at) => ({ ...task, publishedElsewhere: at % 2 === 0 }));
    const names = namesOf(evaluatedTasks(COMPARISON, spared, 1));
    const held = namesOf(spared.filter(({ heldOut, publishedElsewhere }) => heldOut && !publishedElsewhere));
    expect([...names].sort()).toEqual([...held].sort());
  });

  test('of house-style training are all, whose index says nothing of development', () => {
    const styles = [
      { name: 'a', heldOut: false },
      { name: 'b', heldOut: true },
    ];
    expect(tasksOfTraining(STYLES, styles)).toEqual(styles);
  });

  test('with LoRAs of their own are some that are trained on and the first that are evaluated', () => {
    const evaluated = namesOf(evaluatedTasks(INSTRUCTIONS, tasks, 1));
    const single = namesOf(singleTasks(INSTRUCTIONS, tasks, 1));
    expect(evaluated.slice().sort()).toEqual(namesOf(numbered('held', 30, {})).sort());
    expect(single.slice(0, 8).every((name) => name.startsWith('train'))).toBe(true);
    expect(single.slice(8)).toEqual(evaluated.slice(0, 24));
    expect(namesOf(singleTasks(INSTRUCTIONS, tasks, 2))).not.toEqual(single);
  });
});

describe('the time left', () => {
  const stage = (estimate: number, seconds = 0, done = false) => ({ estimate, seconds, done });

  test('is what is estimated of the stages that are not done', () => {
    expect(secondsLeft([stage(100), stage(200)])).toBe(300);
    expect(secondsLeft([stage(100, 30), stage(200)])).toBe(270);
    expect(secondsLeft([stage(100, 130), stage(200)])).toBe(200);
  });

  test('is corrected by what the stages took that are done here', () => {
    expect(secondsLeft([stage(100, 50, true), stage(200)])).toBe(100);
    expect(secondsLeft([stage(100, 0, true), stage(200)])).toBe(200);
    // Seconds say little of hours.
    expect(secondsLeft([stage(10, 30, true), stage(200)])).toBe(200);
  });
});

describe('the stages', () => {
  const world = { name: 'made', minutes: { first: 2, second: 1, third: 3 } };
  const stage = (name: string, run: () => Promise<void>, done = false) => ({ name, isDone: () => done, run });
  const spent = async () => JSON.parse(await readFile(join(folder(), 'build.json'), 'utf8')).seconds;
  const start = (stages: object[], log: (text: string) => void = () => {}) =>
    runAll(
      stages.map((one) => ({ world, place: { work: folder() }, stage: one })),
      log,
    );

  test('run in their order, but for what is done, and say how much time is left', async () => {
    const ran: string[] = [];
    const texts: string[] = [];
    const named = (name: string, done = false) => stage(name, async () => void ran.push(name), done);
    await start([named('first', true), named('second'), named('third')], (text) => texts.push(text));
    expect(ran).toEqual(['second', 'third']);
    expect(texts.slice(0, 2)).toEqual(['made: first: there already', 'made: second …, about 4 min 0 s left in all']);
    expect(texts).toHaveLength(5);
    expect(Object.keys(await spent()).every((name) => ran.includes(name))).toBe(true);
  });

  test('keep count of the time that was spent before', async () => {
    await writeFile(
      join(folder(), 'build.json'),
      JSON.stringify({ formatVersion: 1, seconds: { first: 240, second: 50 } }),
    );
    const texts: string[] = [];
    const stages = [
      stage('first', async () => {}, true),
      stage('second', async () => {}),
      stage('third', async () => {}),
    ];
    await start(stages, (text) => texts.push(text));
    // Twice the estimate so far: of the second 120 − 50 s are left, of the third 360 s.
    expect(texts[1]).toBe('made: second …, about 7 min 10 s left in all');
    const { first, second } = await spent();
    expect(first).toBe(240);
    expect(second).toBeGreaterThanOrEqual(50);
  });

  test('end with the first that fails', async () => {
    const ran: string[] = [];
    const fails = stage('first', async () => {
      throw new Error('no disk');
    });
    const after = stage('second', async () => void ran.push('second'));
    await expect(start([fails, after])).rejects.toMatchObject({ message: 'no disk' });
    expect(ran).toEqual([]);
  });

  test('of the comparison are data, LoRAs and one for each variant, done when it is evaluated', async () => {
    const work = folder();
    const variants = Object.keys(COMPARISON.variants);
    const stages: { name: string; kind?: string; isDone(world: object, place: object): boolean }[] =
      stagesOf(COMPARISON);
    expect(namesOf(stages)).toEqual(['data', 'joint', ...variants]);
    for (const { name, kind } of stages) expect(COMPARISON.minutes[kind ?? name]).toBeGreaterThan(0);
    await writeFile(join(work, `${variants[1]}.json`), '{}');
    expect(stages.map((one) => one.isDone(COMPARISON, { work }))).toEqual(
      stages.map(({ name }) => name === variants[1]),
    );
    expect(stagesOf(STYLES)).toBe(STAGES);
  });

  test('are done by what is in the folder of the world', async () => {
    const work = folder();
    const done = () =>
      STAGES.map((one: { isDone(world: object, place: object): boolean }) => one.isDone(STYLES, { work }));
    expect(done()).toEqual([false, false, false, false, false]);
    for (const path of ['tasks', 'pairs', 'singles', 'run/checkpoints/step-000600'])
      await mkdir(join(work, path), { recursive: true });
    for (const path of ['tasks/index.json', 'pairs/pairs.json', 'singles/pairs.json', 'evaluation-singles.json'])
      await writeFile(join(work, path), '{}');
    expect(done()).toEqual([true, true, false, true, false]);
    await mkdir(join(work, 'run/checkpoints', `step-${String(STYLES.generator.steps).padStart(6, '0')}`));
    await writeFile(join(work, 'evaluation.json'), '{}');
    expect(done()).toEqual([true, true, true, true, true]);
  });
});

test('a program that a stage runs is ended with the build', async () => {
  const child =
    "process.on('SIGTERM', () => { console.log('ended'); process.exit(3); }); setInterval(() => {}, 1e6); console.log('ready');";
  const commands = join(__dirname, '../../../worlds/smollm2/commands.cjs');
  const build = `require(${JSON.stringify(commands)}).run(process.execPath, ['-e', ${JSON.stringify(child)}]).catch((error) => console.log(error.message))`;
  const started = spawn(process.execPath, ['-e', build], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const data of started.stdout) {
    output += data;
    if (output === 'ready\n') started.kill('SIGTERM');
  }
  expect(output.split('\n').slice(0, 2)).toEqual(['ready', 'ended']);
  expect(output).toMatch(/ended with exit code 3\n$/);
  expect(started.signalCode).toBeNull();
});

describe('the command', () => {
  const BUILD = join(__dirname, '../../../worlds/smollm2/build.cjs');
  const run = (...options: string[]) => promisify(execFile)(process.execPath, [BUILD, ...options]);
  const places = () => ['--work', join(folder(), 'work'), '--base', folder(), '--encoder', 'hash'];

  test.each([
    [['--until', 'figures'], '--until: expected data, joint, generator, singles, evaluation, got "figures"\n'],
    [
      ['--world', 'comparison', '--until', 'singles'],
      `--until: expected data, joint, ${Object.keys(COMPARISON.variants).join(', ')}, got "singles"\n`,
    ],
    [['--seed', 'x'], '--seed: expected a whole number, got "x"\n'],
    [['--ship', '--until', 'data'], '--ship: expected a build with its evaluation; leave --until out\n'],
  ])('refuses %j before it makes anything', async (options, stderr) => {
    await expect(run(...places(), ...options)).rejects.toMatchObject({ code: 1, stderr });
    await expect(readFile(join(folder(), 'work'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
