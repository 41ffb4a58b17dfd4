/** Tasks on relations between words, and on facts: inverses, questions about pairs, chains of two relations. */
const { distinct, pick, pickSome, shuffled, yesNo } = require('./texts.cjs');
const { INPUTS, readRelations } = require('./relations.cjs');
const { makeTask } = require('./task.cjs');

/** @param context `sources` and `sides` */
function relationTasks(context) {
  const relations = readRelations(context.sources);
  return [
    ...inverses(relations),
    ...pairTasks(relations),
    ...wordKinds(relations),
    ...chains(relations),
    ...placeTasks(relations),
    ...choices(relations, context.sides),
  ];
}

const rowsFor = (rows) => () => rows.map(({ input, key }) => ({ input, keys: [key] }));

const kindOf = ({ family, cluster, inputs, label, from }, prefix) => ({ family, cluster, prefix, inputs, label, from });

function inverses(relations) {
  return [...relations.values()]
    .filter(({ isInverse }) => isInverse)
    .map((relation) =>
      makeTask(
        { ...kindOf(relation, 'relation'), rows: rowsFor(relation.rows) },
        {
          name: relation.name,
          phrase: relation.phrase(`this ${relation.what}`),
          answer: (input) => relation.table.get(input),
        },
      ),
    );
}

/** Yes or no: is the second the antonym (translation, capital …) of the first? */
function pairTasks(relations) {
  const asked = {
    antonym: 'say whether the second word is the opposite of the first, yes or no',
    past: 'say whether the second word is the past tense of the first, yes or no',
    french: 'say whether the second word is French for the first, yes or no',
    german: 'say whether the second word is German for the first, yes or no',
    capital: 'say whether the second is the capital of the first, yes or no',
    currency: 'say whether the second is the currency of the first, yes or no',
  };
  return Object.entries(asked).flatMap(([name, phrase]) => {
    const relation = relations.get(name);
    if (relation === undefined) return [];
    const draw = (random) => {
      const [one, other] = pickSome(random, relation.rows, 2);
      return { input: `${one.input} - ${(random.below(2) === 0 ? one : other).answer}`, keys: [one.key, other.key] };
    };
    return makeTask(
      { ...kindOf(relation, 'relation'), draw, inputs: 'two names or words', label: 'Pair' },
      {
        name: `is-${name}`,
        phrase,
        answer: (pair) => {
          const [first, second] = pair.split(' - ');
          return yesNo(relation.table.get(first) === second);
        },
        labels: ['yes', 'no'],
      },
    );
  });
}

/** Which language, tense or number a word has: two or three relations' sides against each other. */
function wordKinds(relations) {
  const sets = [
    [
      'language',
      'say which language this word is: English, French or German',
      { English: ['french', 'input'], French: ['french', 'answer'], German: ['german', 'answer'] },
    ],
    [
      'tense',
      'say whether this verb is in the past or in the present tense',
      { present: ['past', 'input'], past: ['past', 'answer'] },
    ],
    [
      'number-of-noun',
      'say whether this noun is singular or plural',
      { plural: ['singular', 'input'], singular: ['singular', 'answer'] },
    ],
    [
      'city-or-country',
      'say whether this is a city or a country',
      { country: ['capital', 'input'], city: ['capital', 'answer'] },
    ],
  ];
  return sets.flatMap(([name, phrase, kinds]) => {
    const labels = Object.keys(kinds);
    const used = labels.map((label) => relations.get(kinds[label][0]));
    if (used.includes(undefined)) return [];
    const found = new Map();
    for (const [at, label] of labels.entries())
      for (const row of used[at].rows) {
        const text = row[kinds[label][1]];
        found.set(text, [...(found.get(text) ?? []), { label, key: row.key }]);
      }
    const rows = [...found].filter(([, those]) => new Set(those.map(({ label }) => label)).size === 1);
    const labelBy = new Map(rows.map(([text, [{ label }]]) => [text, label]));
    const kind = { ...kindOf(used[0], 'relation'), from: distinct(used.flatMap(({ from }) => from)) };
    return makeTask(
      { ...kind, rows: () => rows.map(([input, those]) => ({ input, keys: distinct(those.map(({ key }) => key)) })) },
      { name, phrase, answer: (input) => labelBy.get(input), labels },
    );
  });
}

/** One relation after another. */
function chains(relations) {
  const pairs = [
    ['french', 'german', 'english-of-french', 'translate this word from French to German'],
    ['german', 'french', 'english-of-german', 'translate this word from German to French'],
    ['landmark', 'capital', 'landmark-country', 'name the capital of the country of this place'],
    ['landmark', 'currency', 'landmark-country', 'name the currency of the country of this place'],
    ['city', 'currency', 'country-of-capital', 'name the currency of the country with this capital'],
  ];
  return pairs.flatMap(([start, end, first, phrase]) => {
    const [one, other] = [relations.get(first), relations.get(end)];
    if (one === undefined || other === undefined) return [];
    const keys = new Map(other.rows.map(({ input, key }) => [input, key]));
    const joined = one.rows.filter(({ answer }) => other.table.has(answer));
    const sameFamily = one.family === other.family;
    const rows = () =>
      joined.map(({ input, answer, key }) => ({ input, keys: sameFamily ? distinct([key, keys.get(answer)]) : [key] }));
    return makeTask(
      { ...kindOf(one, 'chain'), cluster: 'combinations', from: distinct([...one.from, ...other.from]), rows },
      {
        name: `${start}-${end}`,
        operation: `${first}+${end}`,
        phrase,
        answer: (input) => other.table.get(one.table.get(input)),
      },
    );
  });
}

/** What can be read from the names of places and parks, and yes or no about them. */
function placeTasks(relations) {
  const [parks, landmarks, products, currency] = ['park-state', 'landmark-country', 'company', 'currency'].map((name) =>
    relations.get(name),
  );
  const tasks = [];
  const PARK = / (National .*|Memorial .*)$/;
  if (parks !== undefined) {
    const rows = rowsFor(parks.rows);
    tasks.push(
      makeTask(
        { ...kindOf(parks, 'park'), rows },
        {
          name: 'kind',
          operation: 'park-kind',
          phrase: 'say what kind of park or site this is',
          answer: (park) => PARK.exec(park)?.[1],
        },
      ),
      makeTask(
        { ...kindOf(parks, 'park'), rows },
        {
          name: 'short-name',
          operation: 'park-name',
          phrase: 'give the name without the kind of park or site',
          answer: (park) => (PARK.test(park) ? park.replace(PARK, '') : undefined),
        },
      ),
    );
  }
  const isIn = (relation, prefix, phrase) => {
    const counts = new Map();
    for (const { answer } of relation.rows) counts.set(answer, (counts.get(answer) ?? 0) + 1);
    const frequent = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 3);
    return frequent
      .filter(([, count]) => count >= 12)
      .map(([label]) =>
        makeTask(
          {
            ...kindOf(relation, prefix),
            draw: balanced(relation.rows, label),
          },
          {
            name: `is-${label.toLowerCase().replace(/\W+/g, '-')}`,
            phrase: phrase(label),
            answer: (input) => (relation.table.has(input) ? yesNo(relation.table.get(input) === label) : undefined),
            labels: ['yes', 'no'],
          },
        ),
      );
  };
  if (landmarks !== undefined)
    tasks.push(...isIn(landmarks, 'place', (label) => `say whether this place is in ${label}, yes or no`));
  if (products !== undefined)
    tasks.push(...isIn(products, 'product', (label) => `say whether this product is made by ${label}, yes or no`));
  if (currency !== undefined)
    tasks.push(
      makeTask(
        {
          ...kindOf(currency, 'country'),
          inputs: 'a currency with its code',
          label: 'Currency',
          rows: () =>
            currency.rows
              .filter(({ answer }) => /\([A-Z]{3}\)$/.test(answer))
              .map(({ answer, key }) => ({ input: answer, keys: [key] })),
        },
        {
          name: 'currency-code',
          phrase: 'give the code of this currency',
          answer: (text) => /\(([A-Z]{3})\)$/.exec(text)?.[1],
        },
      ),
    );
  return tasks;
}

/** Draws rows with one answer as often as rows with another. */
function balanced(rows, label) {
  const groups = [rows.filter(({ answer }) => answer === label), rows.filter(({ answer }) => answer !== label)];
  return (random) => {
    const { input, key } = pick(random, pick(random, groups));
    return { input, keys: [key] };
  };
}

/** Which of three is the capital (the opposite, the translation …) of the one that is named? */
function choices(relations, sides) {
  const asked = {
    antonym: 'choose the opposite of {1}',
    synonym: 'choose the word that means the same as {1}',
    french: 'choose the French word for {1}',
    german: 'choose the German word for {1}',
    past: 'choose the past tense of {1}',
    capital: 'choose the capital of {1}',
  };
  return Object.entries(asked).flatMap(([name, phrase]) => {
    const relation = relations.get(name);
    if (relation === undefined) return [];
    const short = relation.rows.filter(({ answer }) => !answer.includes(',') && answer.length <= 20);
    const bySide = { train: [], test: [] };
    for (const row of short) bySide[sides.of(relation.family, row.key)].push(row);
    const draw = (random, side) => {
      const rows = pickSome(random, bySide[side], 3);
      if (rows.length < 3 || distinct(rows.map(({ answer }) => answer)).length < 3) return undefined;
      const [{ input }] = rows;
      return {
        input: `${shuffled(
          random,
          rows.map(({ answer }) => answer),
        ).join(', ')}\t${input}`,
        keys: rows.map(({ key }) => key),
      };
    };
    return makeTask(
      {
        ...kindOf(relation, 'choose'),
        cluster: 'pick',
        draw,
        inputs: 'a list of three and a name or word',
        label: 'List',
      },
      {
        name,
        operation: `choose-${name}`,
        phrase,
        argument: `the ${INPUTS[relation.family].what} that is named`,
        answer: (_, asked) => relation.table.get(asked),
      },
    );
  });
}

module.exports = { relationTasks };
