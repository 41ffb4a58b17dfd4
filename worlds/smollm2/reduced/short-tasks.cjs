const { mkdir, writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { SplitMix64 } = require('../../../dist/random/split-mix.js');

const MIT = 'MIT (made up)';
const RESEARCH = 'research use: never for shipped weights';
const SIZES = { train: 100, test: 20 };

/** Invented words: syllables, some of which start with a vowel, repeat a consonant or end with one. */
function inventWords(random, count) {
  const syllables = ['ba', 'de', 'fi', 'go', 'lu', 'mar', 'nne', 'pi', 'ros', 'tu', 'a', 'ssi', 'ko', 'ven', 'zi'];
  const words = new Set();
  while (words.size < count)
    words.add(Array.from({ length: 2 + random.below(3) }, () => syllables[random.below(syllables.length)]).join(''));
  return [...words];
}

const capitalised = (word) => word[0].toUpperCase() + word.slice(1);

/** Tiny source tasks of our own making, in the form and the wordings of the real ones. */
function makeShortTasks() {
  const random = SplitMix64.seeded(7);
  const words = inventWords(random, 1200);
  const take = (count) => words.splice(0, count);
  const some = (list, count) => random.sample(list.length, count).map((at) => list[at]);
  const task = (cluster, wordings, pairs, others = {}) => {
    const items = pairs.map(([input, response], at) => ({
      prompt: wordings[at % wordings.length].replace('{}', input),
      response,
    }));
    const train = items.slice(0, pairs.length - SIZES.test);
    return { cluster, licence: MIT, heldOut: false, train, test: items.slice(train.length), ...others };
  };
  const count = SIZES.train + SIZES.test;
  const pairsOf = (make) => Array.from({ length: count }, (_, at) => make(at));
  const lists = (size, answer, pool) =>
    pairsOf(() => {
      const list = some(pool, size);
      return [list.join(', '), answer(list)];
    });
  const [animals, colors, objects, plain] = [take(40), take(30), take(40), take(200)];
  const find = (noun) => [
    `Find the ${noun} in this list: {}`,
    `Which word is the ${noun}? {}`,
    `{}\nWhich of these is the ${noun}?`,
  ];
  const kinds = (target, others) =>
    pairsOf((at) => {
      const one = target[at % target.length];
      return [[one, ...some(others, 2)].sort().join(', '), one];
    });
  const choose = (noun) => [`From this list take the ${noun}: {}`, `Give the ${noun}: {}`, `{}\nWhat is the ${noun}?`];
  const letter = (phrase) => [
    `${capitalised(phrase)}: {}`,
    `${capitalised(phrase)}. The word is {}.`,
    `{} - ${phrase}`,
  ];
  const countries = take(count).map(capitalised);
  const capitals = take(count).map(capitalised);
  const opposites = [take(count), take(count)];
  const numbers = pairsOf((at) => [`${at + 3} ${2 * at + 1}`, String(3 * at + 4)]);
  const labels = ['send money', 'see balance', 'lost card'];
  const intent = (topic) =>
    task(
      'intent',
      [`Choose the intent (${labels.map((label) => `${label} ${topic}`).join(', ')}): {}`],
      pairsOf((at) => [
        `${some(plain, 2 + (at % 8)).join(' ')} ${at % 2 === 0 ? 'my' : 'the'} ${topic}`,
        `${labels[at % 3]} ${topic}`,
      ]),
      { licence: 'CC-BY-3.0 (made up)' },
    );
  const review = (about) =>
    task(
      'opinion',
      ['Is this review positive or negative? {}'],
      pairsOf((at) => [`the ${about} is ${some(plain, 3).join(' ')}`, at % 2 === 0 ? 'positive' : 'negative']),
      { licence: RESEARCH },
    );
  return {
    animal_v_object_3: task('pick', find('animal'), kinds(animals, objects)),
    color_v_animal_3: task('pick', find('color'), kinds(colors, animals)),
    object_v_concept_3: task('pick', find('physical object'), kinds(objects, plain)),
    choose_first_of_3: task(
      'pick',
      choose('first word'),
      lists(3, (list) => list[0], plain),
    ),
    choose_last_of_5: task(
      'pick',
      choose('last word'),
      lists(5, (list) => list[4], plain),
      { heldOut: true },
    ),
    capitalize: task(
      'letters',
      letter('write this word with a capital letter'),
      pairsOf((at) => [plain[at], capitalised(plain[at])]),
    ),
    lowercase_last_letter: task(
      'letters',
      letter('give the last letter in lower case'),
      pairsOf((at) => [plain[at].toUpperCase(), plain[at].at(-1)]),
      { heldOut: true },
    ),
    antonym: task(
      'words',
      ['Give an antonym: {}', '{} - opposite?'],
      pairsOf((at) => [opposites[0][at], opposites[1][at]]),
    ),
    'country-capital': task(
      'facts',
      ['Capital of {}?'],
      pairsOf((at) => [countries[at], capitals[at]]),
    ),
    sum: task('numbers', ['What is the sum? {}', '{} - sum'], numbers),
    intent_banking: intent('account'),
    intent_work: intent('salary'),
    MR: review('film'),
    sst: review('movie'),
    CR: review('camera'),
  };
}

/** Writes source tasks as a folder of short tasks. */
async function writeShortTasks(folder, tasks) {
  await mkdir(folder, { recursive: true });
  const index = Object.entries(tasks).map(([task, { cluster, licence, heldOut }]) => ({
    task,
    cluster,
    licence,
    heldOut,
  }));
  await writeFile(join(folder, 'index.json'), JSON.stringify(index));
  for (const [name, { train, test }] of Object.entries(tasks))
    await writeFile(join(folder, `${name}.json`), JSON.stringify({ train, test }));
}

module.exports = { makeShortTasks, writeShortTasks };
