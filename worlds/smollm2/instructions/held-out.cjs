/**
 * The generated tasks that are held out, beside those of the source. No training task has the operation of one of these:
 * rules.cjs checks it, so a variant of one (another position, length of list or wording) is held out or left out too.
 */
const HELD_OUT = [
  // pick
  'list-alphabetically-first',
  'list-shortest',
  'list-repeated',
  'list-ends-with',
  'list-word-before',
  'kind-occupation-among-all',
  'kind-company-among-all',
  // lists
  'list-sorted-backwards',
  'list-first-moved-to-end',
  'list-position-of',
  'list-last-letters',
  // letters
  'letters-middle-letter',
  'letters-last-two-letters',
  'letters-without-vowels',
  'letters-ends-swapped',
  'letters-letter-number',
  'letters-even-length',
  // names
  'name-initial-and-last-name',
  'name-handle',
  // words and facts
  'relation-singular',
  'relation-number-of-noun',
  'relation-country-of-currency',
  'park-short-name',
  // combinations
  'combined-second-capital',
  'combined-second-past',
  'combined-antonym-first-letter',
  'kind-animal-length',
  'list-second-first-letter',
  'chain-landmark-currency',
  'chain-german-french',
  // numbers
  'number-predecessor',
  'number-half',
  'number-smaller',
  'number-mean',
  'number-first-digit',
  'number-digit-sum',
  'number-progression-before',
  // messages and opinions
  'message-domain-1',
  'message-longest-word',
  'tweet-topic-of-tweet',
  'review-kind-of-review',
  'sequence-next-but-one',
];

/**
 * Tasks, of the source or generated, on which hyper-parameters are chosen: neither trained on nor in published figures.
 * No training task has the operation of one of these, nor has it as a step: rules.cjs checks it.
 */
const DEVELOPMENT = [
  // pick
  'list-most-vowels',
  'kind-odd-one-out',
  'choose-french',
  // lists
  'list-without-longest',
  'list-joined-by-dashes',
  'list-sorted-by-length',
  'kind-count-color',
  // letters
  'letters-third-letter',
  'letters-only-vowels',
  'letters-twice',
  'letters-first-letter-to-end',
  // names, words and facts
  'name-last-name-first',
  'relation-language',
  'person-instrument',
  // combinations
  'kind-color-upper',
  'combined-longest-past',
  'combined-present-quoted',
  'combined-german-first-letter',
  'combined-capital-pair',
  // numbers
  'number-times-three',
  'number-digits-reversed',
  'number-largest',
  'number-tens-digit',
  // messages
  'intent_utility',
  'message-second-word',
];

module.exports = { DEVELOPMENT, HELD_OUT };
