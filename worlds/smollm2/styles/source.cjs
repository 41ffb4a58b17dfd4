const { join } = require('node:path');
const { DndError } = require('../../../dist/errors.js');
const { readJson } = require('../../../dist/files/index.js');
const { mayShip } = require('../licences.cjs');

/** In characters: longer texts and labels are left out, so that a step of training is short and all steps are alike. */
const LONGEST = { text: 120, label: 24 };

/**
 * The texts of domains, from a source folder: `index.json`, an array of `{ task, cluster, licence }`, and a file
 * `<task>.json` each with `train` and `test`, arrays of `{ prompt, response }`.
 * @param {string} folder
 * @param domains of domains.cjs
 * @param {{ research?: boolean }} options research: also domains whose weights may not be shipped, as their licence is
 * @returns {Promise<{ domains: object[], leftOut: { name: string, licence: string }[] }>} domains with `cluster`,
 *   `licence`, and texts to train and test on
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, or INVALID_PROMPTS for a prompt in no wording of its domain
 */
async function readDomains(folder, domains, { research = false } = {}) {
  const indexPath = join(folder, 'index.json');
  const index = await readJson(indexPath);
  if (!Array.isArray(index)) throw new DndError('CORRUPT_FILE', `${indexPath}: expected an array of tasks`);
  const found = domains.map((domain) => ({ ...domain, ...sourceOf(domain, index, indexPath) }));
  const [used, leftOut] = partition(found, ({ licence }) => research || mayShip(licence));
  const read = [];
  for (const domain of used) read.push({ ...domain, ...(await readTexts(folder, domain)) });
  return { domains: read, leftOut: leftOut.map(({ name, licence }) => ({ name, licence })) };
}

function sourceOf({ name, source }, index, indexPath) {
  const entry = index.find(({ task }) => task === source);
  if (entry === undefined) {
    throw new DndError(
      'FILE_NOT_FOUND',
      `${indexPath}: domain ${name} needs the task ${source}, which is not in it. Leave the domain out (--domains)`,
    );
  }
  return { cluster: entry.cluster, licence: String(entry.licence) };
}

async function readTexts(folder, domain) {
  const path = join(folder, `${domain.source}.json`);
  const { train, test } = (await readJson(path)) ?? {};
  if (!Array.isArray(train) || !Array.isArray(test)) {
    throw new DndError('CORRUPT_FILE', `${path}: expected an object of two arrays, train and test`);
  }
  const takeApart = textsOf(domain, path);
  const tests = distinctTexts(test.map(takeApart), new Set());
  const trains = distinctTexts(train.map(takeApart), new Set(tests.map(keyOf)));
  return { train: trains.filter(isShort), test: tests.filter(isShort) };
}

/** @returns a function that makes a source item what it is about: `{ slots, label }`, in no wording */
function textsOf({ name, wordings, answer = (response) => response }, path) {
  const patterns = wordings.map(patternOf);
  return ({ prompt, response }) => {
    for (const pattern of patterns) {
      const match = pattern.exec(prompt);
      if (match) return { slots: { ...match.groups }, label: answer(response.trim()) };
    }
    throw new DndError(
      'INVALID_PROMPTS',
      `${path}: expected prompts in a wording of the domain ${name} (domains.cjs), got ${JSON.stringify(prompt)}`,
    );
  };
}

function patternOf(wording) {
  const literal = wording.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replace(/\{(\w+)\}/g, '(?<$1>.+)')}$`, 's');
}

/** Each text once, those of `taken` not at all: another case or punctuation does not make another text. */
function distinctTexts(texts, taken) {
  const seen = new Set(taken);
  return texts.filter((text) => {
    const key = keyOf(text);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function isShort({ slots, label }) {
  return slots.text.length <= LONGEST.text && label.length <= LONGEST.label;
}

/** What two texts have in common that differ in case, spaces or punctuation only. */
function keyOf({ slots }) {
  return (
    slots.text
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu)
      ?.join(' ') ?? slots.text
  );
}

function partition(list, belongs) {
  return [list.filter(belongs), list.filter((one) => !belongs(one))];
}

module.exports = { readDomains };
