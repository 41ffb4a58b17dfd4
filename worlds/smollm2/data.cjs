const { join } = require('node:path');
const { SplitMix64 } = require('../../dist/random/split-mix.js');
const instructions = require('./instructions/world.cjs');
const styles = require('./styles/data.cjs');

/** Of each kind of world: source texts → `<work>/tasks`. */
const MAKERS = {
  styles: async ({ apartFrom, ...settings }, { work, data, seed }) => {
    const made = await styles.makeData(data, { seed, ...settings });
    if (apartFrom !== undefined) {
      const other = await styles.makeData(data, { seed, ...apartFrom });
      const published = new Set(other.tasks.filter(({ heldOut }) => heldOut).map(({ name }) => name));
      for (const task of made.tasks) task.publishedElsewhere = published.has(task.name);
    }
    await styles.writeData(made, join(work, 'tasks'));
    return made.tasks;
  },
  instructions: async (settings, { work, data, seed }) => {
    const tasks = await instructions.makeTasks(SplitMix64, data, seed, settings);
    await instructions.writeTasks(tasks, seed, join(work, 'tasks'));
    return tasks;
  },
};

/** Makes the tasks of a world, with their items. */
async function makeTasks(world, place) {
  const tasks = await MAKERS[world.kind](world.data, place);
  console.log(`${tasks.length} tasks, ${tasks.filter(({ heldOut }) => heldOut).length} of them held out`);
}

module.exports = { makeTasks };
