/**
 * What is known of the source tasks: the family that their inputs belong to, the operation, the wordings in which their
 * prompts are given (`{}` is the input), the task in words. A third wording follows where the source has only two.
 */
const { keyOf } = require('./keys.cjs');
const { findWordings, KINDS } = require('./kinds.cjs');
const { OPINIONS } = require('./source-opinions.cjs');
const { capitalised, wordsOf } = require('./texts.cjs');

const takeWordings = (noun) => [
  `From this list take the ${noun}: {}`,
  `Give the ${noun}: {}`,
  `{}\nWhat is the ${noun}?`,
];
const letterWordings = (phrase) => [
  `${capitalised(phrase)}: {}`,
  `${capitalised(phrase)}. The word is {}.`,
  `{} - ${phrase}`,
];

const findTask = (target) => ({
  family: 'lists',
  operation: `category-${target}`,
  wordings: findWordings(KINDS[target]),
  about: `find the one ${KINDS[target]} among the words of a list`,
});
const takeTask = (operation, noun, answer) => ({
  family: 'lists',
  operation,
  wordings: takeWordings(noun),
  about: `give the ${noun} of a list`,
  answer: (list) => answer(wordsOf(list)),
});
const letterTask = (operation, phrase, answer, about = phrase) => ({
  family: 'letters',
  operation,
  wordings: letterWordings(phrase),
  about,
  answer,
});
const factTask = (family, operation, about, ...wordings) => ({ family, operation, about, wordings });
/** The labels are in the prompts; they are read from the first. */
const intentTask = (name) => ({
  family: 'messages',
  operation: name,
  wordings: [
    'Choose the intent ({labels}): {}',
    '{}\nWhich intent: {labels}?',
    'What does the user want ({labels})? {}',
  ],
  about: 'choose the intent of a message to an assistant: {labels}',
});
const last = (words) => words[words.length - 1];
const lastInAlphabet = (words) => last([...words].sort());
const nextLetter = (letter) => (letter === 'z' ? undefined : String.fromCharCode(letter.charCodeAt(0) + 1));

const OTHERS = {
  alphabetically_last: takeTask('alphabetically-last', 'word that comes last in the alphabet', lastInAlphabet),
  choose_first_of: takeTask('nth', 'first word', (words) => words[0]),
  choose_middle_of: takeTask('middle', 'middle word', (words) => words[(words.length - 1) / 2]),
  choose_last_of: takeTask('nth-from-end', 'last word', last),
  capitalize: letterTask(
    'capitalise',
    'write this word with a capital letter',
    (word) => word[0].toUpperCase() + word.slice(1),
  ),
  capitalize_first_letter: letterTask('first-letter-capital', 'give the first letter as a capital', (word) =>
    word[0].toUpperCase(),
  ),
  capitalize_last_letter: letterTask('last-letter-capital', 'give the last letter as a capital', (word) =>
    last([...word]).toUpperCase(),
  ),
  lowercase_first_letter: letterTask('first-letter-lower', 'give the first letter in lower case', (word) =>
    word[0].toLowerCase(),
  ),
  lowercase_last_letter: letterTask('last-letter-lower', 'give the last letter in lower case', (word) =>
    last([...word]).toLowerCase(),
  ),
  next_capital_letter: letterTask(
    'letter-after-first',
    "give the capital letter that follows the word's first letter in the alphabet",
    (word) => nextLetter(word[0].toLowerCase())?.toUpperCase(),
  ),
  word_length: letterTask(
    'length',
    'how many letters does the word have',
    (word) => String(word.length),
    'count its letters',
  ),
  'country-capital': factTask(
    'countries',
    'capital',
    'give the capital of a country',
    'What is the capital of {}?',
    'Name the capital city: {}',
    'Capital of {}?',
  ),
  'country-currency': factTask(
    'countries',
    'currency',
    'give the currency of a country',
    'What is the currency of {}?',
    'Name the currency used in {}',
    '{}: which money do they use?',
  ),
  'landmark-country': factTask(
    'landmarks',
    'landmark-country',
    'give the country that a place is in',
    'In which country is {}?',
    'Where is {}?',
    'Name the country of this landmark: {}',
  ),
  national_parks: factTask(
    'parks',
    'park-state',
    'give the US state of a national park or site',
    'In which US state is {}?',
    'Name the state of this national park: {}',
    '{} is in which state?',
  ),
  'person-instrument': factTask(
    'people',
    'instrument',
    'name the instrument of a musician',
    'Which instrument does {} play?',
    'Name the instrument of this musician: {}',
    'What did {} play?',
  ),
  'person-occupation': factTask(
    'people',
    'occupation',
    'name the occupation of a person',
    'What does {} do for a living?',
    "Name this person's job: {}",
    'What is the occupation of {}?',
  ),
  'person-sport': factTask(
    'people',
    'sport',
    'name the sport of an athlete',
    'Which sport does {} play?',
    '{} is known for which sport?',
    'Name the sport of this athlete: {}',
  ),
  'product-company': factTask(
    'products',
    'company',
    'name the company that makes a product',
    'Which company makes {}?',
    'Name the maker of this product: {}',
    'Who makes {}?',
  ),
  antonym: factTask(
    'words',
    'antonym',
    'give the opposite of a word',
    'Give an antonym: {}',
    'What is the opposite of {}?',
    '{} - opposite?',
  ),
  synonym: factTask(
    'words',
    'synonym',
    'give a word that means the same',
    'Give a synonym of {}',
    'Another word for {}?',
    '{} - a word that means the same',
  ),
  'present-past': factTask(
    'words',
    'past',
    'put a verb into the past tense',
    'Put this verb into the past: {}',
    'What is the past tense of {}?',
    '{} - past tense',
  ),
  'singular-plural': factTask(
    'words',
    'plural',
    'give the plural of a noun',
    'Make this word plural: {}',
    'What is the plural of {}?',
    '{} - plural',
  ),
  'english-french': factTask(
    'words',
    'french',
    'translate an English word to French',
    'How do you say {} in French?',
    'Translate to French: {}',
    '{} - in French',
  ),
  'english-german': factTask(
    'words',
    'german',
    'translate an English word to German',
    'How do you say {} in German?',
    'Translate to German: {}',
    '{} - in German',
  ),
  next_item: factTask(
    'sequences',
    'next-item',
    'give what comes after a letter, number, day or month',
    'What comes after {}?',
    'Give the next item: {}',
    '{} - what is next?',
  ),
  prev_item: factTask(
    'sequences',
    'previous-item',
    'give what comes before a letter, number, day or month',
    'What comes before {}?',
    'Give the previous item: {}',
    '{} - what is before it?',
  ),
  sum: factTask('numbers', 'sum', 'add two numbers', 'What is the sum? {}', 'Add the two numbers: {}', '{} - sum'),
  diff: factTask(
    'numbers',
    'difference',
    'subtract the second number from the first',
    'What is the difference? {}',
    'Subtract the second number from the first: {}',
    '{} - difference',
  ),
  num_to_verbal: {
    inputs: 'a number',
    ...factTask(
      'numbers',
      'number-words',
      'write a number in words',
      'Write the number in words: {}',
      'How do you say the number {}?',
      '{} - in words',
    ),
  },
  ...OPINIONS,
};

/** @returns the entry of a source task, or undefined for one that is unknown */
function sourceTask(name) {
  const base = name.replace(/_\d+$/, '');
  const [, target] = /^([a-z]+)_v_[a-z]+$/.exec(base) ?? [];
  const entry =
    target in KINDS ? findTask(target) : name.startsWith('intent_') ? intentTask(name) : (OTHERS[name] ?? OTHERS[base]);
  return entry && { key: keyOf(entry.family), ...entry };
}

module.exports = { sourceTask };
