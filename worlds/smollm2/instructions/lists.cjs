/** Tasks on lists of unrelated words: choose one of them, or do something with all. */
const { listKey } = require('./keys.cjs');
const { inputsOf, namesOf } = require('./sources.cjs');
const { makeTask } = require('./task.cjs');
const { capitalised, counted, distinct, pick, pickSome, shuffled, wordsOf, yesNo } = require('./texts.cjs');

const NTH = ['first', 'second', 'third', 'fourth', 'fifth'];

/** The only element for which a number is the largest, or undefined. */
function uniqueBest(words, number) {
  const best = Math.max(...words.map(number));
  const those = words.filter((word) => number(word) === best);
  return those.length === 1 ? those[0] : undefined;
}
const uniqueOf = (words, isIt) => {
  const those = words.filter(isIt);
  return those.length === 1 ? those[0] : undefined;
};
const onWords = (answer) => (list, argument) => answer(wordsOf(list), argument);
const joined = (words) => words.join(', ');
const sorted = (words) => [...words].sort();
const vowels = (word) => counted(word, /[aeiou]/g);

/** Operations on a list: [name, sizes, phrase, answer, options]. */
const CHOICES = [
  ['second', [3, 4, 5], 'give the second word', (w) => w[1], { operation: 'nth' }],
  ['first', [4], 'give the first word', (w) => w[0], { operation: 'nth' }],
  ['third', [4, 5], 'give the third word', (w) => w[2], { operation: 'nth' }],
  ['fourth', [5, 6], 'give the fourth word', (w) => w[3], { operation: 'nth' }],
  ['alphabetically-first', [4], 'give the word that comes first in the alphabet', (w) => sorted(w)[0]],
  ['longest', [3, 5], 'give the longest word', (w) => uniqueBest(w, (one) => one.length)],
  ['shortest', [4], 'give the shortest word', (w) => uniqueBest(w, (one) => -one.length)],
  ['most-vowels', [3], 'give the word with the most vowels', (w) => uniqueBest(w, vowels)],
  ['double-letter', [3, 4], 'give the word with a double letter', (w) => uniqueOf(w, (one) => /(.)\1/.test(one))],
  ['in-capitals', [4], 'give the word that is written in capitals', (w) => uniqueOf(w, isUpper), { change: oneUpper }],
  [
    'repeated',
    [5],
    'give the word that occurs twice',
    (w) => w.find((one, at) => w.indexOf(one) < at),
    { change: repeatOne },
  ],
  ['number', [4], 'give the number', (w) => uniqueOf(w, isNumber), { change: oneNumber }],
  [
    'not-a-number',
    [4],
    'give the one that is not a number',
    (w) => uniqueOf(w, (one) => !isNumber(one)),
    { change: allNumbersButOne },
  ],
  [
    'starts-with',
    [4, 5],
    'give the word that starts with {1}',
    (w, x) => uniqueOf(w, (one) => one.startsWith(x)),
    { argument: 'a given letter', second: letterAt(0) },
  ],
  [
    'ends-with',
    [4],
    'give the word that ends with {1}',
    (w, x) => uniqueOf(w, (one) => one.endsWith(x)),
    { argument: 'a given letter', second: letterAt(-1) },
  ],
  ['word-after', [4, 5], 'give the word that comes after {1}', (w, x) => w[w.indexOf(x) + 1], { second: wordUpTo(-1) }],
  ['word-before', [4], 'give the word that comes before {1}', (w, x) => w[w.indexOf(x) - 1], { second: wordFrom(1) }],
];

const LISTS = [
  ['first-and-last', [4, 5], 'give the first and the last word', (w) => joined([w[0], w[w.length - 1]])],
  ['first-two', [4], 'give the first two words', (w) => joined(w.slice(0, 2)), { operation: 'first-n' }],
  ['first-three', [5], 'give the first three words', (w) => joined(w.slice(0, 3)), { operation: 'first-n' }],
  ['last-two', [4], 'give the last two words', (w) => joined(w.slice(-2))],
  ['first-and-third', [4], 'give the first and the third word', (w) => joined([w[0], w[2]])],
  ['without-first', [4], 'leave out the first word', (w) => joined(w.slice(1))],
  ['without-last', [4], 'leave out the last word', (w) => joined(w.slice(0, -1))],
  ['without-longest', [3], 'leave out the longest word', without((w) => uniqueBest(w, (one) => one.length))],
  [
    'without-word',
    [4],
    'leave out the word {1}',
    (w, x) => joined(w.filter((one) => one !== x)),
    { second: wordFrom(0) },
  ],
  ['reversed', [3, 4], 'write the list backwards', (w) => joined([...w].reverse())],
  ['sorted', [3, 4], 'sort the list by the alphabet', (w) => joined(sorted(w))],
  ['sorted-by-length', [3], 'sort the list from the shortest word to the longest', byLength],
  ['sorted-backwards', [3], 'sort the list from z to a', (w) => joined(sorted(w).reverse())],
  ['first-two-swapped', [3], 'swap the first two words of the list', (w) => joined([w[1], w[0], ...w.slice(2)])],
  ['first-moved-to-end', [3], 'move the first word of the list to the end', (w) => joined([...w.slice(1), w[0]])],
  [
    'joined-by-and',
    [3],
    'write the list with "and" before the last word',
    (w) => `${joined(w.slice(0, -1))} and ${w[w.length - 1]}`,
  ],
  ['joined-by-or', [3], 'write the list with "or" between all words', (w) => w.join(' or ')],
  ['joined-by-dashes', [3], 'write the list with dashes between the words', (w) => w.join(' - ')],
  ['numbered', [2], 'number the words of the list', (w) => w.map((one, at) => `${at + 1}. ${one}`).join(' ')],
  ['all-capitalised', [3], 'write each word of the list with a capital letter', (w) => joined(w.map(capitalised))],
  [
    'initials',
    [3, 4],
    'give the first letter of each word',
    (w) => joined(w.map((one) => one[0])),
    { operation: 'each+first-letter' },
  ],
  [
    'last-letters',
    [3],
    'give the last letter of each word',
    (w) => joined(w.map((one) => one[one.length - 1])),
    { operation: 'each+last-letter' },
  ],
  [
    'lengths',
    [3],
    'count the letters of each word',
    (w) => joined(w.map((one) => String(one.length))),
    { operation: 'each+length' },
  ],
  ['count', [2, 3, 4, 5, 6, 7], 'count the words of the list', (w) => String(w.length), { sizesInOne: true }],
  [
    'how-often',
    [6],
    'count how often the word {1} occurs',
    (w, x) => String(w.filter((one) => one === x).length),
    { change: repeatSome, second: wordFrom(0) },
  ],
  [
    'has-word',
    [4],
    'say whether the list contains the word {1}, yes or no',
    (w, x) => yesNo(w.includes(x)),
    { second: wordOrNot, labels: ['yes', 'no'] },
  ],
  ['position-of', [4], 'give the position of the word {1}', (w, x) => NTH[w.indexOf(x)], { second: wordFrom(0) }],
  [
    'without-repeats',
    [3],
    'leave out words that repeat',
    (w) => (w.length === distinct(w).length ? undefined : joined(distinct(w))),
    { change: repeatOne },
  ],
  [
    'has-repeats',
    [4],
    'say whether a word repeats, yes or no',
    (w) => yesNo(w.length > distinct(w).length),
    { change: maybeRepeat, labels: ['yes', 'no'] },
  ],
  [
    'is-sorted',
    [3],
    'say whether the list is in the order of the alphabet, yes or no',
    (w) => yesNo(joined(w) === joined(sorted(w))),
    { labels: ['yes', 'no'] },
  ],
  [
    'same-first-letter',
    [2],
    'say whether both words start with the same letter, yes or no',
    (w) => yesNo(w[0][0] === w[1][0]),
    { labels: ['yes', 'no'] },
  ],
  ['replaced', [3], 'replace the first word by {1}', (w, x) => joined([x, ...w.slice(1)]), { second: anyWord }],
  ['appended', [3], 'add the word {1} at the end', (w, x) => joined([...w, x]), { second: anyWord }],
];

const NTH_THEN = [
  ['upper', 'in capitals', (word) => word.toUpperCase()],
  ['first-letter', null, (word) => word[0]],
  ['length', null, (word) => String(word.length)],
  ['without-first-letter', null, (word) => word.slice(1)],
  ['quoted', 'in quotation marks', (word) => `"${word}"`],
];
const PHRASES = {
  'first-letter': (nth) => `give the first letter of the ${nth} word`,
  length: (nth) => `count the letters of the ${nth} word`,
  'without-first-letter': (nth) => `write the ${nth} word without its first letter`,
};

function without(which) {
  return (words) => {
    const one = which(words);
    return one && joined(words.filter((word) => word !== one));
  };
}
function byLength(words) {
  const lengths = words.map((word) => word.length);
  if (distinct(lengths).length < words.length) return undefined;
  return joined([...words].sort((a, b) => a.length - b.length));
}
function isUpper(word) {
  return word === word.toUpperCase();
}
function isNumber(word) {
  return /^\d+$/.test(word);
}
function oneUpper(random, words) {
  const at = random.below(words.length);
  return words.map((word, place) => (place === at ? word.toUpperCase() : word));
}
function oneNumber(random, words) {
  const at = random.below(words.length);
  return words.map((word, place) => (place === at ? String(random.below(1000)) : word));
}
function allNumbersButOne(random, words) {
  const at = random.below(words.length);
  return words.map((word, place) => (place === at ? word : String(random.below(1000))));
}
function repeatOne(random, words) {
  return shuffled(random, [...words, pick(random, words)]);
}
function maybeRepeat(random, words) {
  return random.below(2) === 0 ? words : shuffled(random, [...words.slice(1), pick(random, words.slice(1))]);
}
function repeatSome(random, words) {
  const few = words.slice(0, 3);
  return Array.from(words, () => pick(random, few));
}
function letterAt(place) {
  return (random, words) => pick(random, words).at(place);
}
function wordFrom(start) {
  return (random, words) => words[start + random.below(words.length - start)];
}
function wordUpTo(end) {
  return (random, words) => words[random.below(words.length + end)];
}
function wordOrNot(random, words, pool) {
  return random.below(2) === 0 ? pick(random, words) : pick(random, pool);
}
function anyWord(random, _words, pool) {
  return pick(random, pool);
}

/** @param context `sources` and `sides` */
function listTasks({ sources }) {
  const from = namesOf(sources, /^choose_(?!last)|^alphabetically_last/);
  const pool = distinct(inputsOf(sources, from).flatMap(wordsOf)).filter((word) => /^[a-z]{2,11}$/.test(word));
  if (pool.length === 0) return [];
  const drawer =
    (sizes, { change, second } = {}) =>
    (random) => {
      const plain = pickSome(random, pool, pick(random, sizes));
      const words = change === undefined ? plain : change(random, plain);
      const list = joined(words);
      return { input: second === undefined ? list : `${list}\t${second(random, words, pool)}`, keys: [listKey(list)] };
    };
  const kind = { family: 'lists', prefix: 'list', inputs: 'a list of words', label: 'List', from };
  const tasksOf = (cluster, operations) =>
    operations.flatMap(
      ([name, sizes, phrase, answer, { change, second, sizesInOne, operation = name, ...others } = {}]) =>
        (sizesInOne ? [sizes] : sizes.map((size) => [size])).map((some) =>
          makeTask(
            { ...kind, cluster, draw: drawer(some, { change, second }) },
            {
              name: sizes.length === 1 || sizesInOne ? name : `${name}-of-${some[0]}`,
              operation,
              phrase,
              answer: onWords(answer),
              ...others,
            },
          ),
        ),
    );
  const combined = ['first', 'second', 'third'].flatMap((nth, at) =>
    NTH_THEN.map(([then, manner, answer]) =>
      makeTask(
        { ...kind, cluster: 'combinations', draw: drawer([3, 4]) },
        {
          name: `${nth}-${then}`,
          operation: `nth+${then}`,
          phrase: manner === null ? PHRASES[then](nth) : `write the ${nth} word ${manner}`,
          answer: onWords((words) => answer(words[at])),
        },
      ),
    ),
  );
  return [...tasksOf('pick', CHOICES), ...tasksOf('lists', LISTS), ...combined];
}

module.exports = { listTasks, uniqueBest };
