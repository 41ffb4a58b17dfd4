// Makes the data of the instruction tasks from a folder of short tasks; worlds/smollm2/instructions.md describes both.
//   node worlds/smollm2/instructions/build.cjs --data <folder of short tasks> --work <folder>   into <work>/instructions/tasks
//   … --seed 2                                                                                 other items
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { DndError } = require('../../../dist/errors.js');
const { SplitMix64 } = require('../../../dist/random/split-mix.js');
const { makeTasks, writeTasks } = require('./world.cjs');

async function main() {
  const { values } = parseArgs({
    options: { data: { type: 'string' }, work: { type: 'string' }, seed: { type: 'string', default: '1' } },
  });
  for (const name of ['data', 'work'])
    if (values[name] === undefined) throw new DndError('INVALID_ARGUMENT', `--${name} is missing; expected a folder`);
  if (!/^\d{1,15}$/.test(values.seed))
    throw new DndError('INVALID_ARGUMENT', `--seed: expected a whole number, got ${JSON.stringify(values.seed)}`);
  const seed = Number(values.seed);
  const tasks = await makeTasks(SplitMix64, values.data, seed);
  await writeTasks(tasks, seed, join(values.work, 'instructions', 'tasks'));
  const count = (isIt) => tasks.filter(isIt).length;
  console.log(
    `instruction tasks: ${tasks.length}, of them ${count(({ heldOut }) => heldOut)} held out, ${count(({ development }) => development)} for development and ${count(({ shippable }) => shippable)} shippable`,
  );
}

main().catch((error) => {
  console.error(error instanceof DndError ? error.message : error);
  process.exitCode = 1;
});
