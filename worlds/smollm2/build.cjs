// Builds the worlds on SmolLM2-135M-Instruct: data, joint adapter, LoRAs to compare with, generator, figures. README.md
// describes the stages. What is there already is not done again, so that a build that was stopped goes on.
//   npm run world:smollm2 -- --work <folder> --base <GGUF or folder> --encoder <folder>
//   … --data <folder>     source texts; default: ../shared/data/short_tasks
//   … --seed 2            another build: items, initial weights, order
//   … --until generator   data, joint, generator, singles or evaluation; default: all
//   … --ship              also puts the generator into packages/generator-smollm2-135m
const { existsSync } = require('node:fs');
const { mkdir } = require('node:fs/promises');
const { join, resolve } = require('node:path');
const { parseArgs } = require('node:util');
const { evaluateGenerator, trainGenerator, trainJoint, trainSingles } = require('./stages.cjs');
const { ship } = require('./ship.cjs');
const { makeData, writeData } = require('./styles/data.cjs');
const { STYLES } = require('./worlds.cjs');

const DATA = join(__dirname, '..', '..', '..', 'shared', 'data', 'short_tasks');

const STAGES = {
  data: makeTasks,
  joint: trainJoint,
  generator: trainGenerator,
  singles: trainSingles,
  evaluation: evaluateGenerator,
};

async function main() {
  const { values } = parseArgs({
    options: {
      work: { type: 'string' },
      base: { type: 'string' },
      encoder: { type: 'string' },
      data: { type: 'string', default: DATA },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string' },
      until: { type: 'string', default: 'evaluation' },
      ship: { type: 'boolean', default: false },
    },
  });
  for (const name of ['work', 'base', 'encoder'])
    if (values[name] === undefined) throw new Error(`--${name}: expected a path, got nothing`);
  const names = Object.keys(STAGES);
  if (!names.includes(values.until))
    throw new Error(`--until: expected ${names.join(', ')}, got ${JSON.stringify(values.until)}`);
  const began = Date.now();
  const work = join(resolve(values.work), STYLES.name);
  await mkdir(work, { recursive: true });
  const place = {
    work,
    base: resolve(values.base),
    encoder: resolve(values.encoder),
    data: resolve(values.data),
    seed: wholeNumber('seed', values.seed),
    threads: values.threads === undefined ? undefined : wholeNumber('threads', values.threads),
  };
  for (const name of names.slice(0, names.indexOf(values.until) + 1)) {
    const start = Date.now();
    console.log(`${STYLES.name}: ${name} …`);
    await STAGES[name](STYLES, place);
    console.log(`${STYLES.name}: ${name}: ${minutes(start)} min, ${minutes(began)} min in all`);
  }
  if (values.ship) await ship(STYLES, place);
}

async function makeTasks(world, { work, data, seed }) {
  if (existsSync(join(work, 'tasks', 'index.json'))) return;
  const made = await makeData(data, { seed, ...world.data });
  await writeData(made, join(work, '..'));
  const heldOut = made.tasks.filter((task) => task.heldOut).length;
  console.log(`${made.tasks.length} tasks, ${heldOut} of them held out`);
}

function minutes(since) {
  return ((Date.now() - since) / 60_000).toFixed(1);
}

function wholeNumber(name, text) {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Error(`--${name}: expected a whole number, got ${JSON.stringify(text)}`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
