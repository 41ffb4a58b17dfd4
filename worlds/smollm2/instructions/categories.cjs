/** Tasks on lists of words of known kinds: animals, colors, countries, first names … */
const { listKey } = require('./keys.cjs');
const { findWordings, KINDS } = require('./kinds.cjs');
const { inputsOf, namesOf, rowsOf } = require('./sources.cjs');
const { makeTask } = require('./task.cjs');
const { distinct, pick, pickSome, shuffled, wordsOf, yesNo } = require('./texts.cjs');

const NOUNS = {
  ...KINDS,
  country: 'country',
  city: 'capital city',
  person: 'person',
  state: 'US state',
  occupation: 'occupation',
  company: 'company',
  past: 'verb in the past tense',
  french: 'French word',
  number: 'number word',
};

/** How many kinds a list is mixed with: the target among one other kind, or each other word of another kind. */
const OTHERS_EACH = 3;
const SIZES = [3, 4, 5];

/** Kinds that only held-out tasks find; fruit is one of the source's. */
const NOT_TARGETS = ['fruit'];

/** Kinds whose words are also of another kind: a fruit is a physical object. They are not mixed. */
const ALSO = {
  object: ['animal', 'fruit'],
  verb: ['past'],
  past: ['verb'],
  adjective: ['past'],
  person: ['occupation'],
};
const isAmbiguous = (target, other) => ALSO[target]?.includes(other) ?? false;

/** Words by kind; those of several kinds are left out. */
function wordsByKind(sources) {
  const answers = (pattern) => distinct(rowsOf(sources, namesOf(sources, pattern)).map(({ answer }) => answer));
  const found = {};
  for (const kind of Object.keys(KINDS)) found[kind] = answers(new RegExp(`^${kind}_v_`));
  found.country = inputsOf(sources, namesOf(sources, /^country-/));
  found.city = answers(/^country-capital$/);
  found.person = inputsOf(sources, namesOf(sources, /^person-instrument$/));
  found.state = answers(/^national_parks$/).filter(
    (state) => !/^\w+ (?:\w+ )?(?:New Jersey|Louisiana|Virginia|Minnesota)$/.test(state) || state === 'West Virginia',
  );
  found.occupation = answers(/^person-occupation$/);
  found.company = answers(/^product-company$/);
  found.past = answers(/^present-past$/);
  found.french = answers(/^english-french$/);
  found.number = answers(/^num_to_verbal$/);
  const kinds = new Map();
  for (const [kind, words] of Object.entries(found))
    for (const word of words) kinds.set(word.toLowerCase(), [...(kinds.get(word.toLowerCase()) ?? []), kind]);
  const english = new Set(inputsOf(sources, namesOf(sources, /^(english-|antonym|synonym|present-past)/)));
  const isGood = (kind) => (word) =>
    !word.includes(',') &&
    word.length <= 24 &&
    kinds.get(word.toLowerCase()).length === 1 &&
    (kind !== 'french' || !english.has(word));
  return Object.fromEntries(
    Object.entries(found)
      .map(([kind, words]) => [kind, words.filter(isGood(kind))])
      .filter(([, words]) => words.length >= 8),
  );
}

/** @param context `sources` */
function categoryTasks({ sources }) {
  const words = wordsByKind(sources);
  const kinds = Object.keys(words);
  if (kinds.length < 3) return [];
  const kindOf = new Map(kinds.flatMap((kind) => words[kind].map((word) => [word, kind])));
  const from = namesOf(
    sources,
    /^(?:(?!choose|next|prev)[a-z]+_v_|country-|person-(?!sport)|national_parks|product|present-past|english-french|num_to)/,
  );
  const kind = { family: 'lists', prefix: 'kind', inputs: 'a list of words', label: 'List', from };
  const isA = (target) => (word) => kindOf.get(word) === target;
  const only = (list, target) => {
    const those = wordsOf(list).filter(isA(target));
    return those.length === 1 ? those[0] : undefined;
  };
  /** A list with `count` words of the target, the others of `others`. */
  const listOf = (random, target, count, size, others) =>
    shuffled(random, [
      ...pickSome(random, words[target], count),
      ...distinct(Array.from({ length: 9 }, () => pick(random, words[pick(random, others)]))).slice(0, size - count),
    ]).join(', ');
  const draw = (make) => (random) => {
    const input = make(random);
    return { input, keys: [listKey(input)] };
  };
  const without = (target) => kinds.filter((other) => other !== target && !isAmbiguous(target, other));
  const find = (target, name, others, size) =>
    makeTask(
      { ...kind, cluster: 'pick', draw: draw((random) => listOf(random, target, 1, size, others)) },
      {
        name,
        operation: `category-${target}`,
        phrase: `find the ${NOUNS[target]} in a list`,
        wordings: findWordings(NOUNS[target]),
        answer: (list) => only(list, target),
      },
    );
  const targets = kinds.filter((target) => !NOT_TARGETS.includes(target));
  const tasks = targets.flatMap((target, at) => {
    const isSourced = (other) => sources.has(`${target}_v_${other}_3`) || sources.has(`${target}_v_${other}_5`);
    const possible = without(target).filter((other) => !isSourced(other));
    const chosen = Array.from(
      { length: Math.min(OTHERS_EACH, possible.length) },
      (_, place) => possible[(at + place * 3) % possible.length],
    );
    return [
      ...distinct(chosen).map((other, place) =>
        find(target, `${target}-among-${other}`, [other], SIZES[(at + place) % SIZES.length]),
      ),
      find(target, `${target}-among-all`, without(target), 4),
    ];
  });
  const targetsCounted = ['animal', 'color', 'country', 'verb'].filter((target) => target in words);
  const counting = targetsCounted.flatMap((target) => [
    makeTask(
      {
        ...kind,
        cluster: 'lists',
        draw: draw((random) => listOf(random, target, random.below(5), 5, without(target))),
      },
      {
        name: `count-${target}`,
        operation: `count-${target}`,
        phrase: `count the words that are a kind of ${NOUNS[target]}`,
        answer: (list) => String(wordsOf(list).filter(isA(target)).length),
      },
    ),
    makeTask(
      {
        ...kind,
        cluster: 'lists',
        draw: draw((random) => listOf(random, target, random.below(2), 4, without(target))),
      },
      {
        name: `has-${target}`,
        operation: `has-${target}`,
        phrase: `say whether one of the words is a kind of ${NOUNS[target]}, yes or no`,
        answer: (list) => yesNo(wordsOf(list).some(isA(target))),
        labels: ['yes', 'no'],
      },
    ),
  ]);
  const changes = [
    ['upper', (noun) => `write the ${noun} of the list in capitals`, (word) => word.toUpperCase()],
    ['first-letter', (noun) => `give the first letter of the ${noun}`, (word) => word[0]],
    ['length', (noun) => `count the letters of the ${noun}`, (word) => String(word.replace(/[^\p{L}]/gu, '').length)],
  ];
  const combined = ['animal', 'color', 'adjective', 'country']
    .filter((target) => target in words)
    .flatMap((target) =>
      changes.map(([name, phrase, change]) =>
        makeTask(
          { ...kind, cluster: 'combinations', draw: draw((random) => listOf(random, target, 1, 4, without(target))) },
          {
            name: `${target}-${name}`,
            operation: `category-${target}+${name}`,
            phrase: phrase(NOUNS[target]),
            answer: (list) => {
              const word = only(list, target);
              return word && change(word);
            },
          },
        ),
      ),
    );
  const ofOneKind = (random) => {
    const [one] = pickSome(random, kinds, 1);
    return pickSome(random, words[one], 3).join(', ');
  };
  const oneOdd = (random) => {
    const one = pick(random, kinds);
    const other = pick(
      random,
      without(one).filter((another) => !isAmbiguous(another, one)),
    );
    return shuffled(random, [...pickSome(random, words[one], 3), pick(random, words[other])]).join(', ');
  };
  const kindsOf = (list) => wordsOf(list).map((word) => kindOf.get(word));
  const whole = [
    makeTask(
      { ...kind, cluster: 'lists', draw: draw(ofOneKind) },
      {
        name: 'name-of-kind',
        phrase: 'say what all words of the list are: animal, color, country or another kind',
        answer: (list) => (distinct(kindsOf(list)).length === 1 ? NOUNS[kindsOf(list)[0]] : undefined),
      },
    ),
    makeTask(
      {
        ...kind,
        cluster: 'lists',
        draw: draw((random) => (random.below(2) === 0 ? ofOneKind(random) : oneOdd(random))),
      },
      {
        name: 'all-of-a-kind',
        phrase: 'say whether all words are of the same kind, yes or no',
        answer: (list) => yesNo(distinct(kindsOf(list)).length === 1),
        labels: ['yes', 'no'],
      },
    ),
    makeTask(
      { ...kind, cluster: 'pick', draw: draw(oneOdd) },
      {
        name: 'odd-one-out',
        phrase: 'find the word that does not belong to the others',
        answer: (list) =>
          wordsOf(list).find(
            (_, at, all) => kindsOf(list).filter((one) => one === kindsOf(list)[at]).length === 1 && all.length > 2,
          ),
      },
    ),
  ];
  return [...tasks, ...counting, ...combined, ...whole];
}

module.exports = { categoryTasks, NOUNS, wordsByKind };
