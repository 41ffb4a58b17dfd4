// Makes the house styles: <work>/house-styles/tasks, of the split pairs <work>/house-styles-pairs/tasks, with items of every
// task and index.json. README.md describes both.
//   node worlds/smollm2/styles/make.cjs --work <folder>                   from ../shared/data/short_tasks
//   … --data <folder> --seed 2 --split pairs --split-seed 3               from other data, another world
//   … --domains banking,work,plural                                       only these domains
//   … --research                                                          also domains of data for research only
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { makeData, NAMES, writeData } = require('./data.cjs');

/** Source texts beside a checkout of the project. */
const DATA = join(__dirname, '..', '..', '..', '..', 'shared', 'data', 'short_tasks');

async function main() {
  const { values } = parseArgs({
    options: {
      data: { type: 'string', default: DATA },
      work: { type: 'string' },
      seed: { type: 'string', default: '1' },
      split: { type: 'string', default: 'combinations' },
      'split-seed': { type: 'string', default: '1' },
      domains: { type: 'string' },
      research: { type: 'boolean', default: false },
    },
  });
  if (values.work === undefined) throw new Error('--work: expected the folder to write to, got nothing');
  const data = await makeData(values.data, {
    seed: wholeNumber('seed', values.seed),
    split: values.split,
    splitSeed: wholeNumber('split-seed', values['split-seed']),
    domains: values.domains?.split(','),
    research: values.research,
  });
  for (const { name, licence } of data.leftOut) console.log(`domain ${name} is left out: ${licence}`);
  const folder = join(values.work, NAMES[values.split], 'tasks');
  await writeData(data, folder);
  const heldOut = data.tasks.filter((task) => task.heldOut).length;
  console.log(`${folder}: ${data.tasks.length} tasks, ${heldOut} of them held out`);
}

function wholeNumber(name, text) {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Error(`--${name}: expected a whole number, got ${JSON.stringify(text)}`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
