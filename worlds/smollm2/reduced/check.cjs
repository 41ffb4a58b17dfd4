// Builds the reduced world twice with one seed, from sources and a base that are made here, and fails unless both builds
// have the same figures. The first is killed in the middle of its generator, and goes on.
//   npm run world:check
const { spawn } = require('node:child_process');
const { existsSync } = require('node:fs');
const { mkdir, mkdtemp, readdir, readFile, rm } = require('node:fs/promises');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { duration } = require('../../../dist/report/facts.js');
const { REDUCED } = require('../worlds.cjs');
const { writeTinyBase } = require('./base.cjs');
const { makeShortTasks, writeShortTasks } = require('./short-tasks.cjs');

const BUILD = join(__dirname, '..', 'build.cjs');
const SEED = 1;
const POLL_MS = 5;

async function main() {
  const began = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'dnd-world-'));
  try {
    await writeShortTasks(join(folder, 'sources'), makeShortTasks());
    await writeTinyBase(join(folder, 'base'), SEED);
    await buildInterrupted(folder, 'interrupted');
    await build(folder, 'whole');
    await compare(join(folder, 'interrupted', REDUCED.name), join(folder, 'whole', REDUCED.name));
    await checkLearnt(join(folder, 'whole', REDUCED.name));
  } finally {
    await rm(folder, { recursive: true });
  }
  console.log(`the reduced world, twice: ${duration((performance.now() - began) / 1000)}`);
}

/** Starts a build in a process group of its own, so that it can be killed with all that it started. */
function start(folder, name) {
  const places = ['--work', join(folder, name), '--base', join(folder, 'base'), '--data', join(folder, 'sources')];
  const parameters = [BUILD, '--world', 'reduced', ...places, '--encoder', 'hash', '--seed', String(SEED)];
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal ?? code));
  });
  return { child, ended };
}

async function build(folder, name) {
  await mkdir(join(folder, name), { recursive: true });
  const code = await start(folder, name).ended;
  if (code !== 0) throw new Error(`the build ${name} ended with ${code}`);
}

/** A build that is killed after the first checkpoint of its generator, and started again. */
async function buildInterrupted(folder, name) {
  const checkpoints = join(folder, name, REDUCED.name, 'run', 'checkpoints');
  const { steps, checkpointEvery } = REDUCED.generator;
  await mkdir(join(folder, name), { recursive: true });
  const { child, ended } = start(folder, name);
  let code;
  ended.then((value) => {
    code = value;
  });
  while (code === undefined && !existsSync(join(checkpoints, stepName(checkpointEvery))))
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  if (code === undefined) process.kill(-child.pid, 'SIGKILL');
  const end = await ended;
  if (end !== 'SIGKILL' || existsSync(join(checkpoints, stepName(steps))))
    throw new Error(`expected to kill the build in the middle of its generator; it ended with ${end}`);
  console.log(`killed with ${(await readdir(checkpoints)).join(', ')}`);
  await build(folder, name);
}

const stepName = (step) => `step-${String(step).padStart(6, '0')}`;

/** The figures of a build without what differs between any two: seconds, and the build's own folder. */
async function figuresOf(work, file) {
  const { seconds, ...figures } = JSON.parse((await readFile(join(work, file), 'utf8')).replaceAll(work, ''));
  return JSON.stringify(figures);
}

async function compare(one, other) {
  for (const file of ['evaluation.json', 'evaluation-singles.json'])
    if ((await figuresOf(one, file)) !== (await figuresOf(other, file)))
      throw new Error(`${file} differs between two builds with one seed`);
  const weights = join('run', 'latest', 'decoder.safetensors');
  const [first, second] = await Promise.all([one, other].map((work) => readFile(join(work, weights))));
  if (!first.equals(second)) throw new Error(`${weights} differs between two builds with one seed`);
  console.log('two builds with one seed: the same figures, the same generator');
}

/** That training did something at all: responses became likelier from each stage to the next. */
async function checkLearnt(work) {
  const { rows } = JSON.parse(await readFile(join(work, 'evaluation-singles.json'), 'utf8'));
  const [base, joint, own] = ['base', 'joint', 'own'].map(
    (name) => rows.find(({ row }) => row === name).logLikelihood.mean,
  );
  const shown = `log-likelihood per token of the base ${base.toFixed(2)}, joint LoRA ${joint.toFixed(2)}, own LoRAs ${own.toFixed(2)}`;
  if (!(base < joint && joint < own)) throw new Error(`expected each to be better than the one before: ${shown}`);
  console.log(shown);
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
