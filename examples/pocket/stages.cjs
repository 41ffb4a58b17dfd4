const { spawn } = require('node:child_process');
const { readFile, rm } = require('node:fs/promises');
const { join } = require('node:path');
const { loadLanguageModel, trainLanguageModel } = require('dnd-lora/language');
const { writeJson } = require('./data.cjs');
const { baseConfig } = require('./worlds.cjs');

/** Between seeds of initial weights: no world's seed is that large. */
const OTHER_WEIGHTS = 2 ** 20;

/** Tokens of a plain reply. */
const LONGEST_REPLY = 12;

const DND = join(__dirname, '..', '..', 'dist', 'cli', 'main.js');

/** The stages of a build after its data: each reads what the one before it wrote in the folder `work`. */

/**
 * Corpus → base. Copying the right word of a story is learnt at once for each question, sooner, later or never; until it is, no
 * task of that question can be learnt either. So a base that cannot answer a question is trained anew, twice as long, and
 * then with other initial weights.
 */
async function trainBase(data, world, place) {
  const { steps: fewest, initialisations, learnt, ...settings } = world.pretraining;
  for (let initialisation = 0; initialisation < initialisations; initialisation++) {
    for (const steps of [fewest, 2 * fewest]) {
      await rm(join(place.work, 'base'), { recursive: true, force: true });
      await pretrain(data, { ...settings, steps, seed: place.seed + initialisation * OTHER_WEIGHTS }, place);
      const shares = await questionsAnswered(data, place);
      const shown = shares.map(([name, share]) => `${name} ${(100 * share).toFixed(0)} %`).join(', ');
      place.log(`answers after ${steps} steps from initial weights ${initialisation + 1}: ${shown}`);
      if (shares.every(([, share]) => share >= learnt)) return;
    }
  }
  throw new Error(`the base does not learn every question from ${initialisations} initial weights; give another seed`);
}

async function pretrain(data, settings, { work, threads, log }) {
  const { loss } = await trainLanguageModel({
    config: baseConfig(data.vocabulary.length),
    tokenizer: data.tokenizer['tokenizer.json'],
    tokenizerConfig: data.tokenizer['tokenizer_config.json'],
    corpus: data.corpus(settings.steps * settings.batch),
    out: join(work, 'base'),
    ...settings,
    threads,
    onStep: ({ step, steps, loss }) => step % 100 === 0 && log(`step ${step} of ${steps}, loss ${loss.toFixed(3)}`),
  });
  log(`loss ${loss.toFixed(3)}`);
}

/** For each question, the share of new stories of which the base finds the right word. */
async function questionsAnswered(data, { work, threads }) {
  const model = await loadLanguageModel(join(work, 'base'), { threads });
  try {
    const shares = [];
    for (const { name, items } of data.questions) {
      const prompts = items.map(({ prompt }) => prompt);
      const replies = await model.generate(prompts, { maxNewTokens: LONGEST_REPLY });
      const right = replies.filter((reply, index) => reply.includes(items[index].answer)).length;
      shares.push([name, right / items.length]);
    }
    return shares;
  } finally {
    model.dispose();
  }
}

/** Base, items → neutral start, checkpoints of every task: a pairs folder. */
async function collectCheckpoints({ work, threads }) {
  await dnd(['finetune', '--config', join(work, 'finetune.json'), ...threadsOf(threads)]);
}

/** Pairs → generator. */
async function trainGenerator(world, { work, seed, threads }) {
  const config = {
    pairs: 'pairs',
    base: 'base',
    out: 'run',
    ...world.generator,
    seed,
    heldOutCheckpoints: 0,
    evaluateEvery: world.generator.steps,
    checkpointEvery: world.generator.steps,
  };
  await writeJson(join(work, 'train.json'), config);
  await dnd(['train', '--config', join(work, 'train.json'), ...threadsOf(threads)]);
}

/** Generator → figures on the held-out tasks, in percent: exactly right answers by each kind of adapter. */
async function evaluateGenerator(world, { work, threads, log }) {
  const result = join(work, 'evaluation.json');
  const folders = ['--generator', join(work, 'run', 'latest'), '--base', join(work, 'base')];
  const data = ['--tasks', join(work, 'tasks'), '--pairs', join(work, 'pairs'), '--out', result];
  await dnd(['eval', ...folders, ...data, ...world.evaluation, ...threadsOf(threads)]);
  const { rows, verdict } = JSON.parse(await readFile(result, 'utf8'));
  log(verdict.headline);
  return Object.fromEntries(rows.map(({ row, exactMatch }) => [row, 100 * exactMatch.mean]));
}

function threadsOf(threads) {
  return threads === undefined ? [] : ['--threads', String(threads)];
}

/** Runs a command of this package, whose output goes where ours goes. */
function dnd(parameters) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [DND, ...parameters], { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`dnd ${parameters[0]} ended with ${signal ?? `exit code ${code}`}`));
    });
  });
}

module.exports = { collectCheckpoints, evaluateGenerator, trainBase, trainGenerator };
