const { readFile } = require('node:fs/promises');
const { join } = require('node:path');
const { evaluatedTasks, readTasks, run, writeJson } = require('./stages.cjs');

const ROOT = join(__dirname, '..', '..');
const PACKAGE = join(ROOT, 'packages', 'generator-smollm2-135m');
/** Of each task of the demo: twice the prompts that the generator takes, and some items to answer. */
const [PROMPTS, TEST_ITEMS] = [32, 6];
const DEMO_TASKS = 6;

/** Puts the generator, its figures and the demo's tasks into the package. Needs the evaluation. */
async function ship(world, { work, encoder, seed }) {
  const script = (parameters) => run(process.execPath, [join(ROOT, 'scripts', 'generator-package.cjs'), ...parameters]);
  await script(['add', world.name, join(work, 'run', 'latest'), '--encoder', encoder]);
  await script(['evaluated', world.name, join(work, 'evaluation.json')]);
  const about = new Map((await readTasks(join(work, 'tasks'))).map((task) => [task.name, task.about]));
  const tasks = [];
  // The first ones of those that were drawn for the evaluation, whatever came of them.
  for (const { name } of (await evaluatedTasks(world, work, seed)).slice(0, DEMO_TASKS)) {
    const items = async (use) => JSON.parse(await readFile(join(work, 'tasks', name, `${use}.json`), 'utf8'));
    const prompts = (await items('train')).slice(0, PROMPTS).map(({ prompt }) => prompt);
    const test = (await items('test')).slice(0, TEST_ITEMS);
    tasks.push({ name, about: about.get(name), generator: world.name, prompts, test });
  }
  await writeJson(join(PACKAGE, 'demo.json'), {
    formatVersion: 1,
    base: 'HuggingFaceTB/SmolLM2-135M-Instruct',
    encoder: 'sentence-transformers/all-MiniLM-L6-v2',
    maxNewTokens: world.evaluation.maxNewTokens,
    tasks,
  });
  await script([]);
  await script(['--check']);
}

module.exports = { ship };
