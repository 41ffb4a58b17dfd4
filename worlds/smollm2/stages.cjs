const { spawn } = require('node:child_process');
const { existsSync } = require('node:fs');
const { readFile, writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { SplitMix64 } = require('../../dist/random/split-mix.js');

const DND = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');

/** Which tasks get LoRAs of their own, and which are evaluated. */
const STREAMS = { single: 0, heldOut: 1 };

/**
 * The tasks of a world as `index.json` lists them.
 * @param {string} folder of the world's tasks
 * @returns {Promise<{ name: string, heldOut: boolean }[]>}
 */
async function readTasks(folder) {
  return JSON.parse(await readFile(join(folder, 'index.json'), 'utf8')).tasks;
}

/** Training tasks → one adapter for all of them, and a pairs folder without checkpoints. */
async function trainJoint(world, { work, base, seed, threads }) {
  const tasks = await readTasks(join(work, 'tasks'));
  const config = {
    base,
    out: 'pairs',
    ...world.joint,
    steps: 0,
    checkpoints: 0,
    seed,
    tasks: tasks.map(({ name, heldOut }) => ({ name, train: join('tasks', name, 'train.json'), heldOut })),
  };
  await finetune(join(work, 'joint.json'), config, join(work, 'pairs'), threads);
}

/** Some training tasks and some held-out ones → LoRAs of their own, from the joint one on. */
async function trainSingles(world, { work, base, seed, threads }) {
  const { trainingTasks, heldOutTasks, ...settings } = world.single;
  const tasks = await readTasks(join(work, 'tasks'));
  const random = SplitMix64.derived(seed, STREAMS.single);
  const chosen = [
    ...sample(
      tasks.filter(({ heldOut }) => !heldOut),
      trainingTasks,
      random,
    ),
    ...(await evaluatedTasks(world, work, seed)).slice(0, heldOutTasks),
  ];
  const config = {
    base,
    out: 'singles',
    start: join('pairs', 'joint'),
    ...settings,
    seed,
    tasks: chosen.map(({ name, heldOut }) => ({ name, train: join('tasks', name, 'train.json'), heldOut })),
  };
  await finetune(join(work, 'singles.json'), config, join(work, 'singles'), threads);
}

/** Pairs → generator. */
async function trainGenerator(world, { work, base, encoder, seed, threads }) {
  const config = { pairs: 'pairs', base, encoder, out: 'run', ...world.generator, seed };
  await startOrResume('train', { config, path: join(work, 'train.json'), out: join(work, 'run'), threads });
}

/**
 * Generator → figures on held-out tasks: those with LoRAs of their own beside everything that was trained, then many
 * beside base, joint adapter and controls.
 */
async function evaluateGenerator(world, { work, base, seed, threads }) {
  const names = (await evaluatedTasks(world, work, seed)).map(({ name }) => name);
  const { draws, maxNewTokens } = world.evaluation;
  const evaluate = async (file, pairs, only) => {
    if (existsSync(join(work, file))) return;
    const data = ['--tasks', join(work, 'tasks'), '--pairs', join(work, pairs), '--only', only.join(',')];
    const limits = ['--draws', String(draws), '--max-new-tokens', String(maxNewTokens), '--seed', String(seed)];
    const output = ['--out', join(work, file), '--page', join(work, file.replace(/json$/, 'html'))];
    const generator = ['--generator', join(work, 'run', 'latest'), '--base', base];
    await dnd(['eval', ...generator, ...data, ...limits, ...output, ...threadsOf(threads)]);
  };
  await evaluate('evaluation-singles.json', 'singles', names.slice(0, world.single.heldOutTasks));
  await evaluate('evaluation.json', 'pairs', names);
}

/** The first of them get LoRAs of their own. */
async function evaluatedTasks(world, work, seed) {
  const tasks = await readTasks(join(work, 'tasks'));
  const heldOut = tasks.filter((task) => task.heldOut);
  return sample(heldOut, world.evaluation.tasks, SplitMix64.derived(seed, STREAMS.heldOut));
}

function sample(list, count, random) {
  return random.sample(list.length, Math.min(count, list.length)).map((place) => list[place]);
}

async function finetune(path, config, out, threads) {
  if (existsSync(join(out, 'pairs.json'))) return;
  await startOrResume('finetune', { config, path, out, threads });
}

/** The file by which a command knows its run. */
const RUN_FILES = { finetune: 'finetune.json', train: 'run.json' };

async function startOrResume(command, { config, path, out, threads }) {
  const started = existsSync(join(out, RUN_FILES[command]));
  if (!started) await writeJson(path, config);
  await dnd([command, ...(started ? ['--resume', out] : ['--config', path]), ...threadsOf(threads)]);
}

function threadsOf(threads) {
  return threads === undefined ? [] : ['--threads', String(threads)];
}

async function writeJson(path, value) {
  await writeFile(path, `${JSON.stringify(value, null, 1)}\n`);
}

function dnd(parameters) {
  return run(process.execPath, [DND, ...parameters]);
}

/** Runs a program, whose output goes where ours goes. */
function run(program, parameters) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${parameters.slice(0, 2).join(' ')} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

module.exports = {
  ...{ evaluatedTasks, readTasks, run, writeJson },
  ...{ evaluateGenerator, trainGenerator, trainJoint, trainSingles },
};
