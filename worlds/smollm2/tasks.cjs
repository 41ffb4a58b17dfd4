const { readFile } = require('node:fs/promises');
const { join } = require('node:path');
const { SplitMix64 } = require('../../dist/random/split-mix.js');

/** Which tasks get LoRAs of their own, and which are evaluated. */
const STREAMS = { single: 0, heldOut: 1 };

/**
 * The tasks of a world as `index.json` lists them.
 * @param {string} work folder of the world
 * @returns {Promise<{ name: string, heldOut: boolean, development?: boolean, shippable?: boolean }[]>}
 */
async function readTasks(work) {
  return JSON.parse(await readFile(join(work, 'tasks', 'index.json'), 'utf8')).tasks;
}

/** Neither held out nor for development, and of a licence that allows to ship what was trained on it. */
const isTrained = ({ heldOut, development = false, shippable = true }) => !heldOut && !development && shippable;

/** Tasks to train on, and those that are watched during training, which count as held out there. */
function tasksOfTraining(world, tasks) {
  return tasks
    .filter((task) => isTrained(task) || task[world.watched])
    .map(({ name, [world.watched]: heldOut }) => ({ name, heldOut }));
}

/**
 * The held-out tasks that are evaluated, none of which is held out in a table of another world. The first of them get
 * LoRAs of their own.
 */
function evaluatedTasks(world, tasks, seed) {
  const heldOut = tasks.filter((task) => task.heldOut && !task.publishedElsewhere);
  return sample(heldOut, world.evaluation.tasks, SplitMix64.derived(seed, STREAMS.heldOut));
}

/** The tasks that get LoRAs of their own: some to train on, some held out. */
function singleTasks(world, tasks, seed) {
  const { trainingTasks, heldOutTasks } = world.single;
  const trained = sample(tasks.filter(isTrained), trainingTasks, SplitMix64.derived(seed, STREAMS.single));
  return [...trained, ...evaluatedTasks(world, tasks, seed).slice(0, heldOutTasks)];
}

function sample(list, count, random) {
  return random.sample(list.length, Math.min(count, list.length)).map((place) => list[place]);
}

module.exports = { evaluatedTasks, readTasks, singleTasks, tasksOfTraining };
