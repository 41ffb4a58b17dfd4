const { mkdir, writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { makeText } = require('./corpus.cjs');
const { splitTasks } = require('./split.cjs');
const { makeStory, pick } = require('./stories.cjs');
const { describe, makeItems, makeNeutralItems } = require('./tasks.cjs');
const { tokenizerFiles } = require('./tokenizer.cjs');
const { QUESTIONS } = require('./words.cjs');

/** Each use of random numbers has its own; see SplitMix64.derived. */
const STREAMS = { corpus: 0, split: 1, neutral: 2, train: 3, test: 4, questions: 5 };

const UNPREDICTED = -100;
const QUESTIONS_EACH = 60;

/**
 * Everything that a world is built from, made of a seed: corpus, tokenizer, tasks, items.
 * @param SplitMix64 the class
 * @param world FULL or REDUCED of worlds.cjs
 * @param {number} seed the random seed
 * @param {number} split which Latin square
 */
function makeData(SplitMix64, world, seed, split) {
  const random = (...path) => SplitMix64.derived(seed, ...path);
  const { vocabulary, files } = tokenizerFiles();
  const { train, heldOut } = splitTasks(SplitMix64.derived(split, STREAMS.split), world);
  const withItems = (use, count) => (task, index) => ({
    ...task,
    about: describe(task),
    [use]: makeItems(task, random(STREAMS[use], index), use, count),
  });
  const tasks = [
    ...train.map((task) => ({ ...task, heldOut: false })),
    ...heldOut.map((task) => ({ ...task, heldOut: true })),
  ];
  return {
    vocabulary,
    tokenizer: files,
    /** The first so many texts of the corpus. */
    corpus: (count) => {
      const texts = random(STREAMS.corpus);
      return Array.from({ length: count }, () => encodeText(makeText(texts, world.questions), vocabulary));
    },
    questions: world.questions.map((place) => makeQuestions(QUESTIONS[place], random(STREAMS.questions, place))),
    neutral: makeNeutralItems(train, random(STREAMS.neutral), world.items.neutral),
    tasks: tasks.map(withItems('train', world.items.train)).map(withItems('test', world.items.test)),
  };
}

/** Questions about new stories, each with the words that any right reply has. */
function makeQuestions({ name, role, article, cues }, random) {
  const items = Array.from({ length: QUESTIONS_EACH }, () => {
    const { text, content } = makeStory(random, 'train');
    return { prompt: `${text} ${pick(random, cues)}`, answer: article + content[role] };
  });
  return { name, items };
}

/** Token ids and labels of a text of the corpus: of a conversation, only replies are predicted. */
function encodeText(text, vocabulary) {
  const ids = idsBy(vocabulary);
  const [begin, end, user, reply] = ids('<begin> <end> <user> <reply>', /\S+/g);
  if ('text' in text) {
    const all = [begin, ...ids(text.text), end];
    return { ids: all, labels: all };
  }
  const parts = text.turns.flatMap(({ prompt, response }) => [
    { ids: [user, ...ids(prompt), reply], predicted: false },
    { ids: [...ids(response), end], predicted: true },
  ]);
  return {
    ids: [begin, ...parts.flatMap((part) => part.ids)],
    labels: [UNPREDICTED, ...parts.flatMap((part) => part.ids.map((id) => (part.predicted ? id : UNPREDICTED)))],
  };
}

const places = new WeakMap();

function idsBy(vocabulary) {
  if (!places.has(vocabulary)) places.set(vocabulary, new Map(vocabulary.map((word, id) => [word, id])));
  const known = places.get(vocabulary);
  return (text, words = /[A-Za-z]+|[^A-Za-z\s]/g) => text.match(words).map((word) => known.get(word));
}

/**
 * Writes what `dnd finetune` and `dnd train` read: items of every task, and a configuration of each command.
 * @param work folder of the build
 */
async function writeData(data, world, seed, work) {
  for (const { name, train, test } of data.tasks) {
    const folder = join(work, 'tasks', name);
    await mkdir(folder, { recursive: true });
    await writeJson(join(folder, 'train.json'), train);
    await writeJson(join(folder, 'test.json'), test);
  }
  await writeJson(join(work, 'neutral.json'), data.neutral);
  const collected = data.tasks.filter(({ heldOut }) => world.ownAdapters || !heldOut);
  await writeJson(join(work, 'finetune.json'), {
    base: 'base',
    out: 'pairs',
    jointTrain: 'neutral.json',
    ...world.finetuning,
    seed,
    tasks: collected.map(({ name, heldOut }) => ({ name, train: `tasks/${name}/train.json`, heldOut })),
  });
}

async function writeJson(path, value) {
  await writeFile(path, `${JSON.stringify(value, null, 1)}\n`);
}

module.exports = { makeData, writeData, writeJson };
