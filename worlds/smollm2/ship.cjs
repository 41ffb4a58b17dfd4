const { join } = require('node:path');
const { SplitMix64 } = require('../../dist/random/split-mix.js');
const { TEXTS } = require('./demo-texts.cjs');
const { run, writeJson } = require('./commands.cjs');
const { DOMAINS } = require('./styles/domains.cjs');
const { CLOSINGS, FORMATS } = require('./styles/styles.cjs');
const { makeItems } = require('./styles/tasks.cjs');
const { evaluatedTasks, readTasks } = require('./tasks.cjs');

const ROOT = join(__dirname, '..', '..');
const PACKAGE = join(ROOT, 'packages', 'generator-smollm2-135m');
/** Of each task of the demo: twice the prompts that the generator takes, and some items to answer. */
const [PROMPTS, TEST_ITEMS] = [32, 10];

/** @throws Error for a world of which the package has nothing, or a build without the figures */
function checkShipped(worlds, isWhole) {
  if (!isWhole) throw new Error('--ship: expected a build with its evaluation; leave --until out');
  const other = worlds.find(({ shipped }) => !shipped.includes('generator'));
  if (other !== undefined) throw new Error(`--ship: the package has no generator of the world ${other.name}`);
}

/** Puts the generator and its figures into the package, and the demo's tasks, if they are of this world. */
async function ship(world, { work, encoder, seed }) {
  const script = (parameters) => run(process.execPath, [join(ROOT, 'scripts', 'generator-package.cjs'), ...parameters]);
  await script(['add', world.name, join(work, 'run', 'latest'), '--encoder', encoder]);
  await script(['evaluated', world.name, join(work, 'evaluation.json')]);
  if (world.shipped.includes('demo')) await writeDemo(world, evaluatedTasks(world, await readTasks(work), seed), seed);
  await script([]);
  await script(['--check']);
}

async function writeDemo(world, evaluated, seed) {
  await writeJson(join(PACKAGE, 'demo.json'), {
    formatVersion: 1,
    base: 'HuggingFaceTB/SmolLM2-135M-Instruct',
    encoder: 'sentence-transformers/all-MiniLM-L6-v2',
    maxNewTokens: world.evaluation.maxNewTokens,
    tasks: demoTasks(world, evaluated, seed),
  });
}

/** The first evaluated task of each domain that there are texts of our own for, whatever came of it. */
function demoTasks(world, evaluated, seed) {
  return Object.keys(TEXTS).flatMap((name, index) => {
    const task = evaluated.find(({ domain }) => domain === name);
    if (task === undefined) return [];
    const random = SplitMix64.derived(seed, index);
    const domain = DOMAINS.find((one) => one.name === name);
    const attributes = {
      format: FORMATS.findIndex((one) => one.name === task.format),
      closing: CLOSINGS.findIndex((one) => one.name === task.closing),
    };
    const count = PROMPTS + TEST_ITEMS;
    const items = makeItems(attributes, domain, TEXTS[name](random, count), random, count);
    const prompts = items.slice(0, PROMPTS).map(({ prompt }) => prompt);
    return [{ name: task.name, about: task.about, generator: world.name, prompts, test: items.slice(PROMPTS) }];
  });
}

module.exports = { checkShipped, demoTasks, ship };
