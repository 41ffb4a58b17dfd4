const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { dnd, startOrResume, threadsOf } = require('./commands.cjs');
const { makeTasks } = require('./data.cjs');
const { evaluatedTasks, readTasks, singleTasks, tasksOfTraining } = require('./tasks.cjs');

/**
 * The stages of a world, in their order: whether one is done, by what is in the folder `work`, and what does it. Those of
 * the comparison end in one for each of its variants: a generator, and its figures.
 * A place has `work`, `base`, `encoder`, `data`: paths; `seed`; `threads`, if not all; `precision` of products with the base.
 */
const STAGES = [
  { name: 'data', isDone: (_, { work }) => existsSync(join(work, 'tasks', 'index.json')), run: makeTasks },
  { name: 'joint', isDone: (_, { work }) => existsSync(join(work, 'pairs', 'pairs.json')), run: trainJoint },
  { name: 'generator', isDone: isTrained, run: trainGenerator },
  { name: 'singles', isDone: (_, { work }) => existsSync(join(work, 'singles', 'pairs.json')), run: trainSingles },
  { name: 'evaluation', isDone: isEvaluated, run: evaluateGenerator },
];

/** The stages of a world. */
function stagesOf({ variants }) {
  if (variants === undefined) return STAGES;
  const compared = Object.entries(variants).map(([name, settings]) => ({
    ...{ name, kind: 'variant' },
    isDone: (_, { work }) => existsSync(join(work, `${name}.json`)),
    run: (world, place) => trainVariant(name, settings, world, place),
  }));
  return [
    ...STAGES.slice(
      0,
      STAGES.findIndex(({ name }) => name === 'generator'),
    ),
    ...compared,
  ];
}

/** Training tasks → one adapter for all of them, and a pairs folder without checkpoints, unless the world asks for some. */
async function trainJoint(world, place) {
  const tasks = tasksOfTraining(world, await readTasks(place.work));
  await finetune(place, { name: 'joint', out: 'pairs', settings: { steps: 0, checkpoints: 0, ...world.joint }, tasks });
}

/** Some training tasks and some held-out ones → LoRAs of their own, from the joint one on. */
async function trainSingles(world, place) {
  const { trainingTasks, heldOutTasks, ...settings } = world.single;
  const tasks = singleTasks(world, await readTasks(place.work), place.seed);
  const start = join('pairs', 'joint');
  await finetune(place, { name: 'singles', out: 'singles', settings: { start, ...settings }, tasks });
}

async function finetune({ work, base, seed, threads, precision }, { name, out, settings, tasks }) {
  const config = { base, out, ...settings, precision, seed, tasks: tasks.map((task) => filesOf(task, work)) };
  await startOrResume('finetune', { config, path: join(work, `${name}.json`), out: join(work, out), threads });
}

/** A task as `dnd finetune` lists it. Tasks of older versions have no descriptions. */
function filesOf({ name, heldOut }, work) {
  const [train, descriptions] = ['train.json', 'descriptions.json'].map((file) => join('tasks', name, file));
  return { name, train, ...(existsSync(join(work, descriptions)) ? { descriptions } : {}), heldOut };
}

/** Pairs → generator. */
async function trainGenerator(world, place) {
  await train(world.generator, { config: 'train.json', out: 'run' }, place);
}

async function train(settings, { config: file, out }, { work, base, encoder, seed, threads, precision }) {
  const config = { pairs: 'pairs', base, encoder, out, ...settings, precision, seed };
  await startOrResume('train', { config, path: join(work, file), out: join(work, out), threads });
}

function isTrained({ generator }, { work }) {
  return existsSync(join(work, 'run', 'checkpoints', `step-${String(generator.steps).padStart(6, '0')}`));
}

const EVALUATIONS = { singles: 'evaluation-singles.json', all: 'evaluation.json' };

function isEvaluated(_, { work }) {
  return Object.values(EVALUATIONS).every((file) => existsSync(join(work, file)));
}

/**
 * Generator → figures on held-out tasks: those with LoRAs of their own beside everything that was trained, then many
 * beside base, joint adapter and controls.
 */
async function evaluateGenerator(world, place) {
  const names = await namesOfEvaluated(world, place);
  const few = names.slice(0, world.single.heldOutTasks);
  await evaluate(
    EVALUATIONS.singles,
    { run: 'run', names: few, beside: ['--pairs', join(place.work, 'singles')] },
    world,
    place,
  );
  await evaluate(EVALUATIONS.all, { run: 'run', names, beside: ['--pairs', join(place.work, 'pairs')] }, world, place);
}

/**
 * One variant of the comparison: LoRAs of the training tasks → generator → figures. What all variants are compared with,
 * the joint LoRA and the mean of the others, is among the figures of the first.
 */
async function trainVariant(name, settings, world, place) {
  const run = join('runs', name);
  await train(settings, { config: `train-${name}.json`, out: run }, place);
  const isFirst = name === Object.keys(world.variants)[0];
  const beside = isFirst ? ['--pairs', join(place.work, 'pairs'), '--single-limit', '0'] : [];
  await evaluate(`${name}.json`, { run, names: await namesOfEvaluated(world, place), beside }, world, place);
}

async function namesOfEvaluated(world, { work, seed }) {
  return evaluatedTasks(world, await readTasks(work), seed).map(({ name }) => name);
}

/** @param {{ run: string, names: string[], beside: string[] }} what the run, its tasks, and options that say what it is compared with */
async function evaluate(file, { run, names, beside }, world, { work, base, seed, threads }) {
  if (existsSync(join(work, file))) return;
  const { draws, maxNewTokens } = world.evaluation;
  const data = ['--tasks', join(work, 'tasks'), '--only', names.join(','), ...beside];
  const limits = ['--draws', String(draws), '--max-new-tokens', String(maxNewTokens), '--seed', String(seed)];
  const output = ['--out', join(work, file), '--page', join(work, file.replace(/json$/, 'html'))];
  const generator = ['--generator', join(work, run, 'latest'), '--base', base];
  await dnd(['eval', ...generator, ...data, ...limits, ...output, ...threadsOf(threads)]);
}

module.exports = { STAGES, stagesOf };
