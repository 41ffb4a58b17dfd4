/** Small functions of texts, words and lists that the families of tasks share. */

const capitalised = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** Inputs of more than one part (a list and a letter, say) are one text with tabs. */
const partsOf = (input) => input.split('\t');

/** Fills `{}` or `{0}` with the first part of an input, `{1}` with the second, and so on. */
function fill(wording, input) {
  const parts = partsOf(input);
  return wording.replace(/\{(\d?)\}/g, (_, place) => parts[Number(place)]);
}

const wordsOf = (list) => list.split(', ');

const counted = (text, pattern) => (text.match(pattern) ?? []).length;

const yesNo = (condition) => (condition ? 'yes' : 'no');

const pick = (random, list) => list[random.below(list.length)];

/** Different elements of a list, in random order. */
const pickSome = (random, list, count) =>
  random.sample(list.length, Math.min(count, list.length)).map((at) => list[at]);

const shuffled = (random, list) => pickSome(random, list, list.length);

const distinct = (list) => [...new Set(list)];

/** Lower case, letters and digits only: answers that differ in nothing else count as the same. */
const normalised = (text) =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

module.exports = {
  capitalised,
  counted,
  distinct,
  fill,
  normalised,
  partsOf,
  pick,
  pickSome,
  shuffled,
  wordsOf,
  yesNo,
};
