const { mkdir, writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { DndError } = require('../../../dist/errors.js');
const { writeFolderAtomically } = require('../../../dist/files/index.js');
const { categoryTasks } = require('./categories.cjs');
const { combinationTasks } = require('./combinations.cjs');
const { DEVELOPMENT, HELD_OUT } = require('./held-out.cjs');
const { letterTasks } = require('./letters.cjs');
const { licenceOf } = require('./licences.cjs');
const { listTasks } = require('./lists.cjs');
const { messageTasks } = require('./messages.cjs');
const { numberTasks } = require('./numbers.cjs');
const { opinionTasks, sequenceTasks } = require('./opinions.cjs');
const { peopleTasks } = require('./people.cjs');
const { relationTasks } = require('./relation-tasks.cjs');
const { checkWorld } = require('./rules.cjs');
const { makeSides } = require('./sides.cjs');
const { readSources } = require('./sources.cjs');
const { makeItems, makeSourceTask } = require('./task.cjs');

const FAMILIES = [
  listTasks,
  categoryTasks,
  letterTasks,
  peopleTasks,
  relationTasks,
  combinationTasks,
  numberTasks,
  messageTasks,
  opinionTasks,
  sequenceTasks,
];

/** Items of each task, and the least numbers that checkWorld insists on. */
const FULL = {
  items: { train: 256, test: 40 },
  least: { tasks: 300, heldOut: 40, development: 25, train: 64, test: 20 },
};

const STREAMS = { train: 0, test: 1 };

/**
 * All instruction tasks, with their items.
 * @param SplitMix64 the class
 * @param {string} folder of the source tasks
 * @param {number} seed the random seed
 * @param world `items`: how many of each task; `least`: see `checkWorld`; `only`: names of tasks, default: all; `kept`: how many
 * items of each task remain of those that were checked, default: all
 * @throws DndError INVALID_PROMPTS if the tasks do not keep the rules of rules.cjs, or there is none of a name
 */
async function makeTasks(SplitMix64, folder, seed, { items: counts, least, only, kept } = FULL) {
  const sides = makeSides(seed);
  const sources = await readSources(folder, sides);
  const all = chosen(
    [...[...sources.values()].map((one) => makeSourceTask(one, sides)), ...ours(sources, sides)],
    only,
  );
  const tasks = all.map((task) => {
    const items = (side) =>
      makeItems(task, SplitMix64.derived(seed, ...nameAsNumbers(task.name), STREAMS[side]), side, counts[side], sides);
    const licences = task.from.map((name) => sources.get(name).licence);
    const development = DEVELOPMENT.includes(task.name);
    return { ...task, development, train: items('train'), test: items('test'), ...licenceOf(licences) };
  });
  checkWorld(tasks, least);
  if (kept === undefined) return tasks;
  return tasks.map((task) => ({
    ...task,
    train: task.train.slice(0, kept.train),
    test: task.test.slice(0, kept.test),
  }));
}

function chosen(tasks, only) {
  if (only === undefined) return tasks;
  const missing = only.find((asked) => !tasks.some(({ name }) => name === asked));
  if (missing !== undefined)
    throw new DndError('INVALID_PROMPTS', `there is no task ${missing}. Is a source task missing?`);
  return tasks.filter(({ name }) => only.includes(name));
}

/** The generated tasks, without variants of what is held out. */
function ours(sources, sides) {
  const generated = FAMILIES.flatMap((tasksOf) => tasksOf({ sources, sides }));
  const held = new Set(HELD_OUT);
  const heldOperations = new Set(
    [...sources.values(), ...generated.filter(({ name }) => held.has(name))]
      .filter(({ name, heldOut }) => heldOut || held.has(name))
      .map(({ operation }) => operation),
  );
  return (
    generated
      .map((task) => ({ ...task, heldOut: held.has(task.name) }))
      // Variants of a held-out task are in neither part.
      .filter(({ heldOut, operation }) => heldOut || !isVariantOf(heldOperations, operation))
  );
}

function isVariantOf(heldOperations, operation) {
  return heldOperations.has(operation) || operation.split('+').some((step) => heldOperations.has(step));
}

/** A task's random numbers depend on its name, not on which others there are. */
function nameAsNumbers(name) {
  return Array.from(name, (character) => character.codePointAt(0));
}

/**
 * Writes `<name>/{train,test,descriptions}.json` and `index.json`.
 * @param {string} out folder that is made, or one of this function that is replaced
 * @throws DndError OUTPUT_EXISTS, DISK_FULL or NOT_WRITABLE
 */
async function writeTasks(tasks, seed, out) {
  await writeFolderAtomically(out, { force: true, marker: 'index.json' }, async (staging) => {
    for (const { name, train, test, descriptions } of tasks) {
      const folder = join(staging, name);
      await mkdir(folder, { recursive: true });
      await writeJson(
        join(folder, 'train.json'),
        train.map(({ item }) => item),
      );
      await writeJson(
        join(folder, 'test.json'),
        test.map(({ item }) => item),
      );
      await writeJson(join(folder, 'descriptions.json'), descriptions);
    }
    await writeJson(join(staging, 'index.json'), {
      formatVersion: 1,
      world: 'instructions',
      seed,
      tasks: tasks.map(indexEntry),
    });
  });
}

const indexEntry = ({
  name,
  cluster,
  family,
  operation,
  heldOut,
  development,
  isSource,
  from,
  train,
  test,
  licence,
  shippable,
}) => ({
  name,
  cluster,
  family,
  operation,
  heldOut,
  development,
  source: isSource === true,
  from,
  train: train.length,
  test: test.length,
  licence,
  shippable,
});

async function writeJson(path, value) {
  await writeFile(path, `${JSON.stringify(value, null, 1)}\n`);
}

module.exports = { FULL, makeTasks, writeTasks };
