const { capitalised, fill, partsOf } = require('./texts.cjs');

/** No response is longer. It keeps them below about twelve tokens of the base; digits and rare letters cost one each. */
const MOST_CHARACTERS = 48;

/**
 * The three wordings of a generated task.
 * @param {string} phrase an imperative, such as 'give the second letter', with `{1}` where a second input is named
 * @param {string} label what an input is, such as 'Word'
 */
const wordingsOf = (phrase, label) => [
  `${capitalised(phrase)}: {0}`,
  `${label}: {0}\n${capitalised(phrase)}.`,
  `{0} - ${phrase}`,
];

/**
 * A generated task.
 * @param kind what tasks of one kind of input share: `cluster`, `family`, `inputs` (what an input is, as 'a word'),
 * `label` (the same in prompts), `from` (source tasks whose licences apply), `draw(random, side)` giving
 * `{ input, keys }` or undefined for another try; or `rows(side)`, all of these
 * @param own `name`, `operation`, `phrase`, `answer(...parts of the input)`, and what replaces entries of `kind`;
 * `argument`: what `{1}` of the phrase is, in descriptions; `labels`: responses to have equally often
 */
function makeTask(kind, { name, operation = name, phrase, answer, argument = 'the given word', ...others }) {
  const about = phrase.replace('{1}', argument);
  const needsSecond = phrase.includes('{1}');
  return {
    ...kind,
    name: `${kind.prefix ?? kind.family}-${name}`,
    operation,
    answer: (input) => {
      const parts = partsOf(input);
      return needsSecond && parts.length < 2 ? undefined : checkedAnswer(answer(...parts));
    },
    wordings: wordingsOf(phrase, kind.label),
    descriptions: descriptionsOf(about, kind.inputs),
    heldOut: false,
    ...others,
  };
}

function descriptionsOf(about, inputs) {
  return [
    `The input is ${inputs}. The task: ${about}. The answer is nothing else.`,
    `Given ${inputs}, ${about}.`,
    `Each prompt contains ${inputs} and asks to ${about}. Answer briefly, without any explanation.`,
  ];
}

const checkedAnswer = (answer) =>
  answer === undefined || answer === '' || answer.length > MOST_CHARACTERS ? undefined : answer;

/** A source task as the others: its own items, in their own wordings where the source has three of them. */
function makeSourceTask(source, sides) {
  const { name, cluster, family, operation, wordings, about, heldOut, key, rows } = source;
  const inputs = source.inputs ?? INPUTS[family];
  const known = new Map([...rows.train, ...rows.test].map(({ input, answer }) => [input, answer]));
  const used = new Set(rows.train.map(({ wording }) => wording));
  const rowsOnSide = (side) =>
    (side === 'test' ? rows.test : [...rows.train, ...rows.test])
      .filter((row) => sides.of(family, row.key) === side)
      .map(({ input, key: one, wording }) => ({
        input,
        keys: [one],
        wording: used.size < wordings.length ? undefined : wording,
      }));
  return {
    name,
    cluster,
    family,
    operation,
    heldOut,
    isSource: true,
    from: [name],
    wordings,
    inputs,
    descriptions: descriptionsOf(about, inputs),
    answer: (input) => known.get(input) ?? source.answer?.(input),
    keyOf: key,
    rows: rowsOnSide,
  };
}

/** What the inputs of a source task are, by family. */
const INPUTS = {
  lists: 'a list of words',
  letters: 'a word',
  countries: 'the name of a country',
  landmarks: 'the name of a place',
  parks: 'the name of a national park or site',
  people: 'the name of a person',
  products: 'the name of a product',
  words: 'a word',
  sequences: 'a letter, number, day or month',
  numbers: 'two numbers',
  messages: 'a message to an assistant',
  reviews: 'a sentence of a review',
  tweets: 'a tweet',
  questions: 'a question',
};

/** Rows with the same input are one, which is for a side if all of them are. */
function grouped(rows) {
  const groups = new Map();
  for (const row of rows) {
    const keys = [...(groups.get(row.input)?.keys ?? []), ...row.keys];
    groups.set(row.input, { ...row, keys: [...new Set(keys)] });
  }
  return [...groups.values()];
}

/**
 * Items of a task, whose prompts all differ; as many as there are, up to `count`. Each input comes once in one wording
 * before any comes in another.
 * @param random of this task and side
 * @param {'train' | 'test'} side
 */
function makeItems(task, random, side, count, sides) {
  const items = new Map();
  const perLabel = new Map();
  const mostOfLabel = task.labels === undefined ? count : Math.ceil(count / task.labels.length);
  const onSide = ({ keys }) => keys.every((key) => sides.of(task.family, key) === side);
  const add = (drawn, wording) => {
    const response = task.answer(drawn.input);
    if (response === undefined || (perLabel.get(response) ?? 0) >= mostOfLabel) return;
    const prompt = fill(task.wordings[wording], drawn.input);
    if (items.has(prompt)) return;
    items.set(prompt, { item: { prompt, response }, input: drawn.input, keys: drawn.keys });
    perLabel.set(response, (perLabel.get(response) ?? 0) + 1);
  };
  if (task.rows !== undefined) {
    const rows = grouped(task.rows(side)).filter(onSide);
    const order = random.sample(rows.length, rows.length).map((at) => rows[at]);
    const first = order.map(({ wording }) => wording ?? random.below(task.wordings.length));
    for (let pass = 0; pass < task.wordings.length; pass++) {
      for (const [at, row] of order.entries()) {
        if (items.size >= count) break;
        add(row, (first[at] + pass) % task.wordings.length);
      }
    }
  } else {
    for (let tries = 0; items.size < count && tries < 200 * count; tries++) {
      const drawn = task.draw(random, side);
      if (drawn !== undefined && onSide(drawn)) add(drawn, random.below(task.wordings.length));
    }
  }
  return [...items.values()];
}

module.exports = { descriptionsOf, makeItems, makeSourceTask, makeTask };
