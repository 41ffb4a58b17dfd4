const { join } = require('node:path');
const { DndError } = require('../../../dist/errors.js');
const { readJson } = require('../../../dist/files/index.js');
const { sourceTask } = require('./source-tasks.cjs');
const { distinct } = require('./texts.cjs');

/**
 * Reads the folder of source tasks: index.json and a `{ train, test }` file for each.
 * @param {string} folder
 * @param sides fixes what is for tests; see sides.cjs
 * @returns {Promise<Map<string, object>>} by name, with `wordings`, `rows.train` and `rows.test` of
 * `{ input, answer, wording, key }`; `wording` is the place in `wordings` of the one that the source used
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE; INVALID_PROMPTS for an unknown task, or a prompt in none of its wordings
 */
async function readSources(folder, sides) {
  const index = await readJson(join(folder, 'index.json'));
  const sources = new Map();
  for (const { task: name, cluster, heldOut, licence } of index) {
    const known = sourceTask(name);
    if (known === undefined)
      throw new DndError(
        'INVALID_PROMPTS',
        `${folder}: unknown task ${name}; add what is known of it to source-tasks.cjs`,
      );
    const data = await readJson(join(folder, `${name}.json`));
    const labels = labelsOf(data.train[0].prompt);
    const withLabels = (text) => text.replace('{labels}', labels);
    const entry = { ...known, wordings: known.wordings.map(withLabels), about: withLabels(known.about) };
    const read = parser(name, entry);
    const rows = { train: data.train.map(read), test: data.test.map(read) };
    for (const side of ['train', 'test']) for (const { key } of rows[side]) sides.fix(entry.family, key, side);
    sources.set(name, { ...entry, name, cluster, heldOut, licence, rows });
  }
  return sources;
}

/** The labels that a prompt of an intent task lists. */
function labelsOf(prompt) {
  const [, inBrackets, atEnd] = /^Choose the intent \((.*?)\):|Which intent: (.*)\?$/.exec(prompt) ?? [];
  return inBrackets ?? atEnd ?? '';
}

function parser(name, { wordings, key }) {
  const patterns = wordings.map((wording) => {
    const [before, after] = wording.split('{}').map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${before}([^]+?)${after}$`);
  });
  return ({ prompt, response }) => {
    for (const [wording, pattern] of patterns.entries()) {
      const [, input] = pattern.exec(prompt) ?? [];
      if (input !== undefined) return { input, answer: response, wording, key: key(input) };
    }
    throw new DndError(
      'INVALID_PROMPTS',
      `${name}: a prompt is in no known wording; expected one of ${JSON.stringify(wordings)}, got ${JSON.stringify(prompt)}`,
    );
  };
}

/** Both sides of sources, as far as there are such. */
const rowsOf = (sources, names) =>
  names.flatMap((name) => {
    const rows = sources.get(name)?.rows;
    return rows === undefined ? [] : [...rows.train, ...rows.test];
  });

/** The answers by input of sources: the first of several. */
function tableOf(sources, names) {
  const table = new Map();
  for (const { input, answer } of rowsOf(sources, names)) if (!table.has(input)) table.set(input, answer);
  return table;
}

/** The names of those sources that are there and are not held out. */
const namesOf = (sources, pattern) => [...sources.keys()].filter((name) => pattern.test(name));

const inputsOf = (sources, names) => distinct(rowsOf(sources, names).map(({ input }) => input));

module.exports = { inputsOf, namesOf, readSources, rowsOf, tableOf };
