/** Tasks of two steps: choose from a list and apply a relation, or apply a relation and change how it is written. */
const { uniqueBest } = require('./lists.cjs');
const { readRelations } = require('./relations.cjs');
const { makeTask } = require('./task.cjs');
const { pickSome, wordsOf } = require('./texts.cjs');

const NTH = ['first', 'second', 'third'];
const USED = [
  'antonym',
  'synonym',
  'past',
  'present',
  'french',
  'german',
  'english-of-french',
  'english-of-german',
  'capital',
  'country-of-capital',
  'currency',
];

/** How the answer is written: [name, manner, change]. */
const MANNERS = [
  ['upper', (phrase) => `${phrase}, in capitals`, (answer) => answer.toUpperCase()],
  ['first-letter', (phrase) => `${phrase}, but only its first letter`, (answer) => answer[0]],
  [
    'length',
    (phrase) => `${phrase} and count its letters`,
    (answer) => (/^\p{L}+$/u.test(answer) ? String(answer.length) : undefined),
  ],
  ['pair', (phrase) => `${phrase}; write both with an equals sign`, (answer, input) => `${input} = ${answer}`],
  ['quoted', (phrase) => `${phrase}, in quotation marks`, (answer) => `"${answer}"`],
];

/** Second steps that do not suit a relation: currencies are several words. */
const UNFIT = { currency: ['upper', 'length', 'each'] };

/** Words of a list that a relation is applied to: [name, of, choice]. */
const SELECTIONS = [
  ['longest', 'longest', (words) => uniqueBest(words, (word) => word.length)],
  ['alphabetically-last', 'last in the alphabet', (words) => [...words].sort().at(-1)],
];

/** @param context `sources` and `sides` */
function combinationTasks({ sources, sides }) {
  const all = readRelations(sources);
  const relations = USED.flatMap((name) => (all.has(name) ? [all.get(name)] : []));
  return relations.flatMap((relation, place) => {
    const { name, family, from, what, inputs, label, phrase, table } = relation;
    const rows = relation.rows.filter(({ input }) => !input.includes(',') && input.length <= 24);
    const bySide = { train: [], test: [] };
    for (const row of rows) bySide[sides.of(family, row.key)].push(row);
    const drawList = (size) => (random, side) => {
      const some = pickSome(random, bySide[side], size);
      return some.length < size
        ? undefined
        : { input: some.map(({ input }) => input).join(', '), keys: some.map(({ key }) => key) };
    };
    const kind = { cluster: 'combinations', family, prefix: 'combined', from };
    const lists = { ...kind, inputs: `a list (${inputs} each)`, label: 'List' };
    const nth = NTH.map((ordinal, at) =>
      makeTask(
        { ...lists, draw: drawList(3) },
        {
          name: `${ordinal}-${name}`,
          operation: `nth+${name}`,
          phrase: phrase(`the ${ordinal} ${what}`),
          answer: (list) => (wordsOf(list).length > at ? table.get(wordsOf(list)[at]) : undefined),
        },
      ),
    );
    const selected = SELECTIONS.map(([selection, of, choose]) =>
      makeTask(
        { ...lists, draw: drawList(3) },
        {
          name: `${selection}-${name}`,
          operation: `${selection}+${name}`,
          phrase: phrase(`the ${what} that is ${of}`),
          answer: (list) => table.get(choose(wordsOf(list))),
        },
      ),
    );
    const each = makeTask(
      { ...lists, draw: drawList(2) },
      {
        name: `each-${name}`,
        operation: `each+${name}`,
        phrase: phrase(`each ${what} of the list`),
        answer: (list) => {
          const answers = wordsOf(list).map((word) => table.get(word));
          return answers.includes(undefined) ? undefined : answers.join(', ');
        },
      },
    );
    const written = MANNERS.map(([manner, say, change]) =>
      makeTask(
        { ...kind, inputs, label, rows: () => rows.map(({ input, key }) => ({ input, keys: [key] })) },
        {
          name: `${name}-${manner}`,
          operation: `${name}+${manner}`,
          phrase: say(phrase(`this ${what}`)),
          answer: (input) => (table.has(input) ? change(table.get(input), input) : undefined),
        },
      ),
    );
    // Every relation meets every position, and some of the other second steps; another some for each relation.
    const some = written.filter((_, at) => (at + place) % 5 < 3);
    const isFit = ({ operation }) => !UNFIT[name]?.includes(operation.replace(name, '').replace('+', ''));
    return [...nth, selected[place % selected.length], ...(place % 2 === 0 ? [each] : []), ...some].filter(isFit);
  });
}

module.exports = { combinationTasks };
