/** What makes two inputs the same, by family. */
const { normalised, wordsOf } = require('./texts.cjs');

/** The words of a list, in any order and case. */
const listKey = (list) => wordsOf(list.toLowerCase()).sort().join(', ');

/** The numbers of a text, in any order: `3 5` and `5, 3` are the same. */
const numbersKey = (input) =>
  input
    .match(/\d+/g)
    .map(Number)
    .sort((a, b) => a - b)
    .join(' ');

/** Of any other family: case and punctuation do not matter. */
const normalisedKey = (input) => normalised(input) || input;

const KEYS = { lists: listKey, numbers: numbersKey };

const keyOf = (family) => KEYS[family] ?? normalisedKey;

module.exports = { keyOf, listKey, normalisedKey, numbersKey };
