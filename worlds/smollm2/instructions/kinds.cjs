/** Kinds of words that the sources have lists of, and the wordings in which a word of a kind is asked for. */
const KINDS = {
  animal: 'animal',
  color: 'color',
  object: 'physical object',
  adjective: 'adjective',
  verb: 'verb',
  fruit: 'fruit',
};

const findWordings = (noun) => [
  `Find the ${noun} in this list: {}`,
  `Which word is the ${noun}? {}`,
  `{}\nWhich of these is the ${noun}?`,
];

module.exports = { findWordings, KINDS };
