// Builds the worlds on SmolLM2-135M-Instruct: data, joint adapter, generator, LoRAs to compare with, figures. README.md
// describes the stages. What is there already is not done again, so that a build that was stopped goes on.
//   npm run world:smollm2 -- --work <folder> --base <GGUF or folder> --encoder <folder>    both, one after the other
//   … --world instructions    one of them; reduced is another, which reduced/check.cjs builds, and comparison compares settings
//   … --split pairs           the harder split of the house styles, in a folder of its own
//   … --data <folder>         source texts; default: ../shared/data/short_tasks
//   … --seed 2                another build: items, initial weights, order
//   … --precision bf16        products with the base in bfloat16: half the time, on a CPU with AVX512-BF16
//   … --until generator       data, joint, generator, singles or evaluation; default: all
//   … --ship                  with --world styles: also puts the generator into packages/generator-smollm2-135m
const { mkdir } = require('node:fs/promises');
const { join, resolve } = require('node:path');
const { parseArgs } = require('node:util');
const { duration } = require('../../dist/report/facts.js');
const { runAll } = require('./schedule.cjs');
const { checkShipped, ship } = require('./ship.cjs');
const { stagesOf } = require('./stages.cjs');
const { worldsOf } = require('./worlds.cjs');

const DATA = join(__dirname, '..', '..', '..', 'shared', 'data', 'short_tasks');

async function main() {
  const { values } = parseArgs({
    options: {
      work: { type: 'string' },
      base: { type: 'string' },
      encoder: { type: 'string' },
      world: { type: 'string', default: 'styles,instructions' },
      split: { type: 'string' },
      data: { type: 'string', default: DATA },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string' },
      precision: { type: 'string', default: 'fp32' },
      until: { type: 'string' },
      ship: { type: 'boolean', default: false },
    },
  });
  for (const name of ['work', 'base', 'encoder'])
    if (values[name] === undefined) throw new Error(`--${name}: expected a path, got nothing`);
  const worlds = worldsOf(values.world.split(','), values.split);
  const stages = worlds.map((world) => stagesUntil(values.until, world));
  if (values.ship)
    checkShipped(
      worlds,
      stages.flat().some(({ name }) => name === 'evaluation'),
    );
  const places = worlds.map(({ name }) => placeOf(name, values));
  for (const { work } of places) await mkdir(work, { recursive: true });
  const began = Date.now();
  await runAll(
    worlds.flatMap((world, index) => stages[index].map((stage) => ({ world, place: places[index], stage }))),
    console.log,
  );
  console.log(`${worlds.map(({ name }) => name).join(', ')}: ${duration((Date.now() - began) / 1000)}`);
  if (values.ship) for (const [index, world] of worlds.entries()) await ship(world, places[index]);
}

/** All stages of a world, or those until a last one. */
function stagesUntil(last, world) {
  const stages = stagesOf(world);
  if (last === undefined) return stages;
  const names = stages.map(({ name }) => name);
  if (!names.includes(last)) throw new Error(`--until: expected ${names.join(', ')}, got ${JSON.stringify(last)}`);
  return stages.slice(0, names.indexOf(last) + 1);
}

function placeOf(name, values) {
  return {
    work: join(resolve(values.work), name),
    base: resolve(values.base),
    // The name of the built-in one is no path.
    encoder: values.encoder === 'hash' ? 'hash' : resolve(values.encoder),
    data: resolve(values.data),
    seed: wholeNumber('seed', values.seed),
    threads: values.threads === undefined ? undefined : wholeNumber('threads', values.threads),
    precision: values.precision,
  };
}

function wholeNumber(name, text) {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Error(`--${name}: expected a whole number, got ${JSON.stringify(text)}`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
