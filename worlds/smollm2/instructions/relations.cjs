/**
 * What is known of words and countries: relations of the sources and their inverses, as tables of input, answer and key.
 * The key of a row is that of the source's input, also in the inverse, so that nothing tested on is learnt backwards.
 */
const { rowsOf } = require('./sources.cjs');

/** Of an inverse: [relation, source's relation]. */
const RELATIONS = {
  antonym: { source: 'antonym', phrase: (of) => `give the opposite of ${of}` },
  synonym: { source: 'synonym', phrase: (of) => `give another word for ${of}` },
  past: { source: 'present-past', phrase: (of) => `put ${of} into the past tense` },
  present: { source: 'present-past', inverse: true, phrase: (of) => `put ${of} into the present tense` },
  french: { source: 'english-french', phrase: (of) => `translate ${of} to French` },
  german: { source: 'english-german', phrase: (of) => `translate ${of} to German` },
  'english-of-french': {
    source: 'english-french',
    inverse: true,
    phrase: (of) => `translate ${of} from French to English`,
  },
  'english-of-german': {
    source: 'english-german',
    inverse: true,
    phrase: (of) => `translate ${of} from German to English`,
  },
  singular: { source: 'singular-plural', inverse: true, phrase: (of) => `give the singular of ${of}` },
  capital: { source: 'country-capital', phrase: (of) => `give the capital of ${of}` },
  'country-of-capital': {
    source: 'country-capital',
    inverse: true,
    phrase: (of) => `name the country whose capital is ${of}`,
  },
  currency: { source: 'country-currency', phrase: (of) => `name the currency of ${of}` },
  'country-of-currency': {
    source: 'country-currency',
    inverse: true,
    phrase: (of) => `name the country whose currency is ${of}`,
  },
  company: { source: 'product-company', phrase: (of) => `name the maker of ${of}` },
  'landmark-country': { source: 'landmark-country', phrase: (of) => `name the country of ${of}` },
  'park-state': { source: 'national_parks', phrase: (of) => `name the state of ${of}` },
};

/** How an input of a relation is called. */
const INPUTS = {
  words: { what: 'word', inputs: 'a word', label: 'Word' },
  countries: { what: 'country', inputs: 'the name of a country', label: 'Country' },
  landmarks: { what: 'place', inputs: 'the name of a place', label: 'Place' },
  parks: { what: 'park', inputs: 'the name of a national park or site', label: 'Park' },
  products: { what: 'product', inputs: 'the name of a product', label: 'Product' },
};
const INVERSE_INPUTS = {
  'country-of-capital': { what: 'city', inputs: 'the name of a capital city', label: 'City' },
  'country-of-currency': { what: 'currency', inputs: 'the name of a currency', label: 'Currency' },
};

/**
 * @param sources of sources.cjs
 * @returns {Map<string, object>} by name, of those whose source is there: `rows` of `{ input, answer, key }`, `table`
 */
function readRelations(sources) {
  const relations = new Map();
  for (const [name, { source, inverse = false, phrase }] of Object.entries(RELATIONS)) {
    const known = sources.get(source);
    if (known === undefined) continue;
    const all = rowsOf(sources, [source]);
    const rows = uniqueInputs(
      inverse ? all.map(({ input, answer, key }) => ({ input: answer, answer: input, key })) : all,
    );
    relations.set(name, {
      name,
      phrase,
      from: [source],
      family: known.family,
      cluster: known.cluster,
      isInverse: inverse,
      rows,
      table: new Map(rows.map(({ input, answer }) => [input, answer])),
      ...(INVERSE_INPUTS[name] ?? INPUTS[known.family]),
    });
  }
  return relations;
}

/** Only inputs that have one answer: of an inverse, only where it is a function; and none that is its own answer. */
function uniqueInputs(rows) {
  const answers = new Map();
  for (const { input, answer } of rows) answers.set(input, (answers.get(input) ?? new Set()).add(answer));
  const seen = new Set();
  return rows.filter(({ input, answer }) => {
    const good = !seen.has(input) && answers.get(input).size === 1 && input.toLowerCase() !== answer.toLowerCase();
    seen.add(input);
    return good;
  });
}

module.exports = { INPUTS, readRelations };
