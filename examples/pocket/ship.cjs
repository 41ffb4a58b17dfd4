const { cp, mkdir, rm } = require('node:fs/promises');
const { join } = require('node:path');
const { Generator } = require('dnd-lora');
const { writeJson } = require('./data.cjs');

/** Prompts shipped of each task: four times what the generator takes. */
const PROMPTS = 64;

/** Writes what `dnd demo` needs to the folder `out`: base, generator, and the held-out tasks. */
async function ship(data, rows, { work, out, seed, split }) {
  await rm(out, { recursive: true, force: true });
  await mkdir(out, { recursive: true });
  await cp(join(work, 'base'), join(out, 'base'), { recursive: true });
  const generator = await Generator.load(join(work, 'run', 'latest'), { device: 'cpu' });
  try {
    // Without the optimiser's state and what else a checkpoint of a run has.
    await generator.save(join(out, 'generator'));
  } finally {
    generator.dispose();
  }
  const heldOut = data.tasks.filter((task) => task.heldOut);
  for (const { name, train, test } of heldOut) {
    await mkdir(join(out, 'tasks', name), { recursive: true });
    await writeJson(
      join(out, 'tasks', name, 'prompts.json'),
      train.slice(0, PROMPTS).map(({ prompt }) => prompt),
    );
    await writeJson(join(out, 'tasks', name, 'test.json'), test);
  }
  const tasks = heldOut.map(({ name, about }) => ({ name, about }));
  await writeJson(join(out, 'pocket.json'), { formatVersion: 1, seed, split, accuracy: rows, tasks });
}

module.exports = { ship };
