const { join } = require('node:path');
const { SplitMix64 } = require('../../dist/random/split-mix.js');
const instructions = require('./instructions/world.cjs');
const styles = require('./styles/data.cjs');

/** Of each kind of world: source texts → `<work>/tasks`. */
const MAKERS = {
  styles: async (settings, { work, data, seed }) => {
    const made = await styles.makeData(data, { seed, ...settings });
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
