const { ROLES } = require('./words.cjs');

/** One story in several wordings: each names all five roles, in an order of its own. */
const TEMPLATES = [
  '{name} found a {colour} {thing} in the {place}. A {animal} saw it.',
  'In the {place}, a {animal} gave {name} a {colour} {thing}.',
  'A {animal} lived in the {place}. {name} came with a {colour} {thing}.',
  '{name} went to the {place} with a {animal}. They had a {colour} {thing}.',
  'One day a {colour} {thing} was in the {place}. {name} and a {animal} took it.',
  'There was a {colour} {thing}. {name} hid it in the {place} from a {animal}.',
  'The {colour} {thing} fell near the {place}. A {animal} ran to {name}.',
  '{name} had a {colour} {thing}. A {animal} took it to the {place}.',
];

/** One in so many contents is kept for tests: no other text tells a story with that content. */
const TEST_SHARE = 7;

/**
 * A random story.
 * @param random has `below(limit)`, as SplitMix64
 * @param {'train' | 'test'} use test stories have contents that no training story has
 * @returns {{ text: string, content: Record<string, string> }} the text and the word of each role
 */
function makeStory(random, use) {
  for (;;) {
    const content = {};
    for (const [role, words] of Object.entries(ROLES)) content[role] = pick(random, words);
    if (isTestContent(content) === (use === 'test')) return { text: fill(pick(random, TEMPLATES), content), content };
  }
}

/** By the sum of the five words' places in their lists: four words never tell which set a story is in. */
function isTestContent(content) {
  const places = Object.entries(ROLES).map(([role, words]) => words.indexOf(content[role]));
  return places.reduce((sum, place) => sum + place, 0) % TEST_SHARE === 0;
}

function fill(template, content) {
  return template.replace(/\{(\w+)\}/g, (_, role) => content[role]);
}

function pick(random, list) {
  return list[random.below(list.length)];
}

module.exports = { fill, isTestContent, makeStory, pick, TEMPLATES, TEST_SHARE };
