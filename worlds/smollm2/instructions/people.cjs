/** Tasks on the names of real people: how they are written, and what is known of them. */
const { inputsOf, namesOf, tableOf } = require('./sources.cjs');
const { normalisedKey } = require('./keys.cjs');
const { makeTask } = require('./task.cjs');
const { pick, yesNo } = require('./texts.cjs');

const TWO_WORDS = /^\p{Lu}\p{Ll}+ \p{Lu}\p{Ll}+$/u;

/** [name, phrase, answer of first and last name, options] */
const FORMS = [
  ['first-name', 'give the first name', (first) => first],
  ['last-name', 'give the last name', (_, last) => last],
  ['initials', 'give the initials', (first, last) => `${first[0]}.${last[0]}.`],
  ['last-name-first', 'write the last name first, with a comma', (first, last) => `${last}, ${first}`],
  ['initial-and-last-name', 'shorten the first name to its first letter', (first, last) => `${first[0]}. ${last}`],
  ['first-name-and-initial', 'shorten the last name to its first letter', (first, last) => `${first} ${last[0]}.`],
  ['last-name-in-capitals', 'write the last name in capitals', (first, last) => `${first} ${last.toUpperCase()}`],
  ['handle', 'write the name as a handle, with an @', (first, last) => `@${first}${last}`.toLowerCase()],
  ['with-dot', 'write the name in lower case with a dot', (first, last) => `${first}.${last}`.toLowerCase()],
  ['greeting', 'greet the person by the first name', (first) => `Hello ${first}!`],
  ['first-letter-of-last-name', 'give the first letter of the last name', (_, last) => last[0]],
  ['length-of-first-name', 'count the letters of the first name', (first) => String(first.length)],
  ['possessive', 'write that something belongs to this person', (first, last) => `${first} ${last}'s`],
];

/** @param context `sources` and `sides` */
function peopleTasks({ sources }) {
  const from = namesOf(sources, /^person-(?!sport)/);
  const names = inputsOf(sources, from);
  if (names.length === 0) return [];
  const rows = (inputs) => () => inputs.map((input) => ({ input, keys: [normalisedKey(input)] }));
  const twoWords = names.filter((name) => TWO_WORDS.test(name));
  const kind = { family: 'people', prefix: 'name', inputs: 'the name of a person', label: 'Person', from };
  const forms = FORMS.map(([name, phrase, answer]) =>
    makeTask(
      { ...kind, cluster: 'names', rows: rows(twoWords) },
      { name, phrase, answer: (input) => (TWO_WORDS.test(input) ? answer(...input.split(' ')) : undefined) },
    ),
  );
  const occupations = tableOf(sources, ['person-occupation']);
  const instruments = tableOf(sources, ['person-instrument']);
  const isOne = (table, what) =>
    [...new Set(table.values())]
      .filter((label) => [...table.values()].filter((one) => one === label).length >= 80)
      .slice(0, 3)
      .map((label) =>
        makeTask(
          {
            ...kind,
            cluster: 'facts',
            rows: rows([...table.keys()]),
            from: namesOf(sources, new RegExp(`^person-${what}$`)),
          },
          {
            name: `is-${label}`,
            phrase:
              what === 'instrument'
                ? `say whether this musician plays the ${label}, yes or no`
                : `say whether this person is known as ${label}, yes or no`,
            answer: (name) => (table.has(name) ? yesNo(table.get(name) === label) : undefined),
            labels: ['yes', 'no'],
          },
        ),
      );
  const either = makeTask(
    { ...kind, cluster: 'facts', rows: rows(names) },
    {
      name: 'musician-or-politician',
      phrase: 'say whether this person is a musician or a politician',
      answer: (name) =>
        instruments.has(name) ? 'musician' : occupations.get(name) === 'politician' ? 'politician' : undefined,
      labels: ['musician', 'politician'],
    },
  );
  const twoPeople = ['first', 'second'].map((nth, at) =>
    makeTask(
      {
        ...kind,
        cluster: 'combinations',
        inputs: 'the names of two people',
        label: 'People',
        draw: (random) => {
          const pair = [pick(random, twoWords), pick(random, twoWords)];
          return { input: pair.join(', '), keys: pair.map(normalisedKey) };
        },
      },
      {
        name: `last-name-of-${nth}`,
        operation: 'nth+last-name',
        phrase: `give the last name of the ${nth} person`,
        answer: (input) => input.split(', ')[at]?.split(' ')[1],
      },
    ),
  );
  return [
    ...forms,
    ...isOne(occupations, 'occupation'),
    ...isOne(instruments, 'instrument'),
    ...(instruments.size > 0 && occupations.size > 0 ? [either] : []),
    ...twoPeople,
  ];
}

module.exports = { peopleTasks };
