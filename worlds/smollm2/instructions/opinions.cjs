/** Tasks on real reviews, tweets and questions beyond their labels: which kind, which topic, one label against the others. */
const { namesOf, rowsOf } = require('./sources.cjs');
const { makeTask } = require('./task.cjs');
const { capitalised, pick, yesNo } = require('./texts.cjs');

/** One label of a source against the others: [source, label, name, phrase]. */
const ONE_LABEL = [
  ['TREC', 'person', 'asks-for-person', 'say whether this question asks for a person, yes or no'],
  ['TREC', 'location', 'asks-for-place', 'say whether this question asks for a place, yes or no'],
  ['TREC', 'number', 'asks-for-number', 'say whether this question asks for a number, yes or no'],
  ['TREC', 'description', 'asks-for-description', 'say whether this question asks for a description, yes or no'],
  ['tweet_emotion', 'anger', 'is-angry', 'say whether this tweet is angry, yes or no'],
  ['tweet_emotion', 'joy', 'is-joyful', 'say whether this tweet is joyful, yes or no'],
  ['tweet_emotion', 'sadness', 'is-sad', 'say whether this tweet is sad, yes or no'],
  ['tweet_sentiment', 'neutral', 'is-neutral', 'say whether this tweet is neutral, yes or no'],
];

/** Texts of several sources, told apart: [name, family, phrase, sources by label]. */
const KINDS = [
  [
    'kind-of-review',
    'reviews',
    'say whether this is a review of a film or of a product',
    { film: ['MR', 'sst'], product: ['CR'] },
  ],
  [
    'topic-of-tweet',
    'tweets',
    'say what this tweet is about: feminism, atheism or abortion',
    { feminism: ['stance_feminist'], atheism: ['stance_atheism'], abortion: ['stance_abortion'] },
  ],
  [
    'is-yes-no-question',
    'questions',
    'say whether this question can be answered by yes or no',
    { yes: ['BoolQ'], no: ['TREC'] },
  ],
];

/** On the words of questions. */
const WORDS = [
  ['first-word', 'give the first word of this question', (words) => words[0]],
  ['last-word-but-one-and-last', 'give the last two words of this question', (words) => words.slice(-2).join(' ')],
  ['count-words', 'count the words of this question', (words) => String(words.length)],
  ['first-word-in-capitals', 'write the first word of this question in capitals', (words) => words[0].toUpperCase()],
];

/** @param context `sources` */
function opinionTasks({ sources }) {
  const kindOf = (family, from) => {
    const what = { reviews: 'a sentence of a review', tweets: 'a tweet', questions: 'a question' }[family];
    const label = { reviews: 'Review', tweets: 'Tweet', questions: 'Question' }[family];
    return { cluster: 'opinion', family, prefix: label.toLowerCase(), inputs: what, label, from };
  };
  const balanced = (groups) => (random) => {
    const { input, key } = pick(random, pick(random, groups));
    return { input, keys: [key] };
  };
  const oneLabel = ONE_LABEL.flatMap(([name, label, task, phrase]) => {
    const source = sources.get(name);
    if (source === undefined) return [];
    const all = rowsOf(sources, [name]);
    const answers = new Map(all.map(({ input, answer }) => [input, answer]));
    const groups = [all.filter(({ answer }) => answer === label), all.filter(({ answer }) => answer !== label)];
    if (groups.some((group) => group.length < 20)) return [];
    return makeTask(
      { ...kindOf(source.family, [name]), draw: balanced(groups) },
      {
        name: task,
        phrase,
        answer: (text) => (answers.has(text) ? yesNo(answers.get(text) === label) : undefined),
        labels: ['yes', 'no'],
      },
    );
  });
  const kinds = KINDS.flatMap(([name, family, phrase, byLabel]) => {
    const from = Object.values(byLabel)
      .flat()
      .filter((one) => sources.has(one));
    if (from.length < Object.values(byLabel).flat().length) return [];
    const labels = Object.keys(byLabel);
    const groups = labels.map((label) => rowsOf(sources, byLabel[label]));
    const labelOf = new Map(groups.flatMap((rows, at) => rows.map(({ input }) => [input, labels[at]])));
    return makeTask(
      { ...kindOf(family, from), draw: balanced(groups) },
      { name, phrase, answer: (text) => labelOf.get(text), labels },
    );
  });
  const questions = rowsOf(sources, namesOf(sources, /^TREC$/)).map((row) => ({
    ...row,
    input: capitalised(row.input.replace(/ \?$/, '?')),
  }));
  const words = (text) => text.match(/[\p{L}\p{N}']+/gu);
  const sentences =
    questions.length === 0
      ? []
      : WORDS.map(([name, phrase, answer]) =>
          makeTask(
            {
              ...kindOf('questions', ['TREC']),
              cluster: 'sentences',
              rows: () => questions.map(({ input, key }) => ({ input, keys: [key] })),
            },
            { name, phrase, answer: (text) => answer(words(text)) },
          ),
        );
  return [...oneLabel, ...kinds, ...sentences];
}

/** Days, months, letters, numbers in order. */
function sequenceTasks({ sources }) {
  const from = namesOf(sources, /^(next|prev)_item$/);
  if (!sources.has('next_item')) return [];
  const items = rowsOf(sources, ['next_item']);
  // II and XX are Roman numerals and doubled letters.
  const all = items.filter(({ input, answer }) => !/^(II|XX)$/.test(input) && !/^(II|XX)$/.test(answer));
  const next = new Map(all.map(({ input, answer }) => [input, answer]));
  const kind = {
    cluster: 'words',
    family: 'sequences',
    prefix: 'sequence',
    inputs: 'a letter, number, day or month',
    label: 'Item',
    from,
    rows: () => all.map(({ input, key }) => ({ input, keys: [key] })),
  };
  const sorts = [
    ['day', /day$/],
    ['month', /^(january|february|march|april|may|june|july|august|september|october|november|december)$/],
    ['number', /^\d+$|^[a-z]{3,}$/],
    ['Roman numeral', /^[IVX]+$/],
    ['letter', /^([a-z])$|^([A-Z])\2?$/],
  ];
  return [
    makeTask(kind, {
      name: 'next-but-one',
      phrase: 'give the item after the next',
      answer: (item) => next.get(next.get(item)),
    }),
    makeTask(kind, {
      name: 'next-two',
      phrase: 'give the next two items',
      answer: (item) => (next.has(next.get(item)) ? `${next.get(item)}, ${next.get(next.get(item))}` : undefined),
    }),
    makeTask(kind, {
      name: 'sort-of-item',
      phrase: 'say what this is: a day, month, number, Roman numeral or letter',
      answer: (item) => sorts.find(([, pattern]) => pattern.test(item))?.[0],
    }),
  ];
}

module.exports = { opinionTasks, sequenceTasks };
