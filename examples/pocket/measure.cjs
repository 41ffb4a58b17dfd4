const { join } = require('node:path');
const { Generator, LoraAdapter, readPeft } = require('dnd-lora');
const { loadLanguageModel } = require('dnd-lora/language');

/** More than the longest reply. */
const MOST_NEW_TOKENS = 24;

/**
 * Exactly right answers to the test items of the held-out tasks, as percentages: by the base, by adapters that were
 * trained, and by generated ones.
 * @param items of each task that adapters are tried on; every single training adapter on a quarter of them
 */
async function measure(data, world, { work, threads, log }) {
  const heldOut = data.tasks.filter((task) => task.heldOut);
  const trained = data.tasks.filter((task) => !task.heldOut);
  const model = await loadLanguageModel(join(work, 'base'), { threads });
  const generator = await Generator.load(join(work, 'run', 'latest'), { threads, device: 'cpu' });
  try {
    const accuracy = async (task, adapter, count = task.test.length) => {
      const items = task.test.slice(0, count);
      const prompts = items.map(({ prompt }) => prompt);
      const answers = await model.generate(prompts, { adapters: adapter, maxNewTokens: MOST_NEW_TOKENS });
      return (100 * answers.filter((answer, index) => answer === items[index].response).length) / items.length;
    };
    const over = async (tasks, adapterOf, count) => {
      const all = [];
      for (const [index, task] of tasks.entries()) all.push(await accuracy(task, await adapterOf(task, index), count));
      return mean(all);
    };
    const generated = new Map();
    const sets = heldOut.map((task) => [task.name, task.train.map(({ prompt }) => prompt)]);
    for await (const { name, adapter } of generator.generateMany(sets)) generated.set(name, adapter);
    const lastOf = (task) => lastCheckpoint(join(work, 'pairs', task.name), world);
    const singles = await Promise.all(trained.map(lastOf));
    const start = await readPeft(join(work, 'pairs', 'joint'));
    const rows = {
      base: await over(heldOut, () => null),
      neutralStart: await over(heldOut, () => start),
      meanOfTraining: await over(heldOut, () => meanAdapter(singles)),
      bestSingle: await best(singles, (single) => over(heldOut, () => single, Math.ceil(world.items.test / 4))),
      generated: await over(heldOut, (task) => generated.get(task.name)),
      otherPrompts: await over(heldOut, (_, index) => generated.get(heldOut[(index + 7) % heldOut.length].name)),
      ...(world.ownAdapters ? { own: await over(heldOut, lastOf) } : {}),
    };
    for (const [name, value] of Object.entries(rows)) log(`${name.padEnd(16)} ${value.toFixed(1).padStart(5)} %`);
    return rows;
  } finally {
    generator.dispose();
    model.dispose();
  }
}

async function best(candidates, value) {
  let highest = 0;
  for (const candidate of candidates) highest = Math.max(highest, await value(candidate));
  return highest;
}

function lastCheckpoint(task, { finetuning: { steps, checkpoints } }) {
  return readPeft(join(task, 'checkpoints', `checkpoint-${steps + checkpoints}`));
}

/** The mean of adapters, element by element of A and of B. */
function meanAdapter(adapters) {
  const tensors = new Map();
  for (const [name, { shape }] of adapters[0].tensors) {
    const sum = new Float64Array(shape[0] * shape[1]);
    for (const { tensors: one } of adapters) {
      const { data } = one.get(name);
      for (let index = 0; index < sum.length; index++) sum[index] += data[index];
    }
    tensors.set(name, { shape, data: Float32Array.from(sum, (value) => value / adapters.length) });
  }
  return new LoraAdapter(adapters[0].config, tensors);
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

module.exports = { measure };
