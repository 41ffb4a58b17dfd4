/**
 * What can be asked: each domain is one task of the source folder, with the wordings in which its prompts ask. `{text}` is
 * what a question is about, `{labels}` the list of possible answers where there is one. The wordings take source prompts
 * apart, so that one text is known under all of them, and ask again in any of them. `optional`: an answer
 * must be known, and a base of this size hardly knows it; such a domain is used only when it is named.
 */
const DOMAINS = [
  ...['banking', 'credit_cards', 'kitchen_and_dining', 'home', 'auto_and_commute', 'utility', 'work'].map(intent),
  ...['small_talk', 'meta'].map(intent),
  ...[choose('animal', 'animal_v_object_5', 'animal'), choose('colour', 'color_v_animal_5', 'color')],
  ...[choose('fruit', 'fruit_v_animal_5', 'fruit'), choose('object', 'object_v_concept_5', 'physical object')],
  choose('verb', 'verb_v_adjective_5', 'verb'),
  {
    name: 'first',
    about: 'the first word of a list',
    source: 'choose_first_of_5',
    wordings: [
      'From this list take the first word: {text}',
      'Give the first word: {text}',
      '{text}\nWhat is the first word?',
    ],
  },
  {
    name: 'capital',
    about: 'the capital of a country',
    source: 'country-capital',
    wordings: ['What is the capital of {text}?', 'Name the capital city: {text}', 'Capital of {text}?'],
  },
  {
    name: 'currency',
    optional: true,
    about: 'the currency of a country',
    source: 'country-currency',
    wordings: [
      'What is the currency of {text}?',
      'Name the currency used in {text}',
      '{text}: which money do they use?',
    ],
    // "Euro (EUR)" is written with its code for some countries only.
    answer: (response) => response.replace(/ \([A-Z]{3}\)$/, ''),
  },
  {
    name: 'landmark',
    optional: true,
    about: 'the country of a place',
    source: 'landmark-country',
    wordings: ['Name the country of this landmark: {text}', 'In which country is {text}?', 'Where is {text}?'],
  },
  {
    name: 'product',
    optional: true,
    about: 'the maker of a product',
    source: 'product-company',
    wordings: ['Name the maker of this product: {text}', 'Which company makes {text}?', 'Who makes {text}?'],
  },
  {
    name: 'occupation',
    optional: true,
    about: "a person's occupation",
    source: 'person-occupation',
    wordings: [
      'What is the occupation of {text}?',
      "Name this person's job: {text}",
      'What does {text} do for a living?',
    ],
  },
  {
    name: 'instrument',
    optional: true,
    about: "a musician's instrument",
    source: 'person-instrument',
    wordings: [
      'Name the instrument of this musician: {text}',
      'Which instrument does {text} play?',
      'What did {text} play?',
    ],
  },
  {
    name: 'sport',
    optional: true,
    about: "an athlete's sport",
    source: 'person-sport',
    wordings: [
      'Name the sport of this athlete: {text}',
      'Which sport does {text} play?',
      '{text} is known for which sport?',
    ],
  },
  {
    name: 'plural',
    about: 'the plural of a word',
    source: 'singular-plural',
    wordings: ['Make this word plural: {text}', 'What is the plural of {text}?', '{text} - plural'],
  },
  {
    name: 'past',
    about: 'the past tense of a verb',
    source: 'present-past',
    wordings: ['Put this verb into the past: {text}', 'What is the past tense of {text}?', '{text} - past tense'],
  },
  {
    name: 'antonym',
    optional: true,
    about: 'the opposite of a word',
    source: 'antonym',
    wordings: ['What is the opposite of {text}?', 'Give an antonym: {text}', '{text} - opposite?'],
  },
  {
    name: 'capitalise',
    about: 'a word with a capital letter',
    source: 'capitalize',
    wordings: [
      'Write this word with a capital letter. The word is {text}.',
      'Write this word with a capital letter: {text}',
      '{text} - write this word with a capital letter',
    ],
  },
  translate('french', 'French'),
  translate('german', 'German'),
  {
    name: 'review',
    about: 'whether a review is positive or negative',
    source: 'sst',
    wordings: [
      'Is this review positive or negative? {text}',
      'Label as positive or negative: {text}',
      '{text}\nSentiment, positive or negative:',
    ],
  },
  {
    name: 'question',
    about: 'the type of answer that a question wants',
    source: 'TREC',
    wordings: ['What type of answer does this question want? {text}', '{text}\nType of the answer:'],
  },
  {
    name: 'subjective',
    about: 'whether a text is subjective or objective',
    source: 'Subj',
    wordings: [
      'Label as subjective or objective: {text}',
      'Is this subjective or objective? {text}',
      '{text}\nsubjective or objective:',
    ],
  },
];

function intent(topic) {
  return {
    name: topic.replaceAll('_', '-'),
    about: `the intent of a message about ${topic.replaceAll('_', ' ')}`,
    source: `intent_${topic}`,
    wordings: ['Choose the intent ({labels}): {text}', '{text}\nWhich intent: {labels}?'],
  };
}

function choose(name, source, what) {
  const wordings = [
    `Find the ${what} in this list: {text}`,
    `Which word is the ${what}? {text}`,
    `{text}\nWhich of these is the ${what}?`,
  ];
  return { name, about: `the ${what} of a list`, source, wordings };
}

function translate(name, language) {
  const wordings = [
    `Translate to ${language}: {text}`,
    `How do you say {text} in ${language}?`,
    `{text} - in ${language}`,
  ];
  return { name, optional: true, about: `a word in ${language}`, source: `english-${name}`, wordings };
}

module.exports = { DOMAINS };
