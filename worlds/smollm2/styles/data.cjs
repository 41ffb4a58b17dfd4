const { mkdir, writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { DndError } = require('../../../dist/errors.js');
const { writeFolderAtomically } = require('../../../dist/files/index.js');
const { SplitMix64 } = require('../../../dist/random/split-mix.js');
const { DOMAINS } = require('./domains.cjs');
const { readDomains } = require('./source.cjs');
const { makeSplit } = require('./split.cjs');
const { CLOSINGS, FORMATS } = require('./styles.cjs');
const { allTasks, describe, makeItems } = require('./tasks.cjs');

/** Each use of random numbers has its own; see SplitMix64.derived. */
const STREAMS = { split: 0, train: 1, test: 2 };
/** Of each split, what its world is called: the name of its folder. */
const NAMES = { combinations: 'house-styles', pairs: 'house-styles-pairs' };
const SPLITS = Object.keys(NAMES);
const ITEMS = { train: 64, test: 20 };

/**
 * The house styles: every task with its items. The same source folder and settings make the same tasks.
 * @param {string} folder of the source; see source.cjs
 * @param {object} settings
 * @param {number} settings.seed of the items
 * @param {'combinations' | 'pairs'} [settings.split] what is held out; default: combinations
 * @param {number} [settings.splitSeed] decides which of these; default: 1
 * @param {{ train: number, test: number }} [settings.items] of a task; default: 64 and 20
 * @param {string[]} [settings.domains] names; default: all that are not `optional`. Of either, those whose licence allows it
 * @param {boolean} [settings.research] also what may not be in shipped weights; default: false
 * @returns {Promise<{ settings: object, tasks: object[], leftOut: object[] }>} tasks in the order of their names' parts, each with
 *   `train` and `test` items and what `index.json` says of it
 * @throws DndError INVALID_ARGUMENT, INVALID_PROMPTS for too few texts, and what `readDomains` throws
 */
async function makeData(folder, { seed, split = 'combinations', splitSeed = 1, items = ITEMS, domains, research }) {
  if (!SPLITS.includes(split)) {
    throw new DndError('INVALID_ARGUMENT', `split: expected ${SPLITS.join(' or ')}, got ${JSON.stringify(split)}`);
  }
  const source = await readDomains(folder, domainsNamed(domains), { research });
  // With one, a format and a closing of a held-out combination would never be seen together.
  if (source.domains.length < 2) {
    throw new DndError('INVALID_ARGUMENT', `domains: expected at least two, got ${source.domains.length}`);
  }
  for (const domain of source.domains) checkTexts(domain, items);
  const counts = [source.domains.length, FORMATS.length, CLOSINGS.length];
  const unseen = makeSplit(SplitMix64.derived(splitSeed, STREAMS.split), split, counts);
  const tasks = allTasks(source.domains).map((task) => {
    const domain = source.domains[task.domain];
    const place = DOMAINS.findIndex(({ name }) => name === domain.name);
    // By the place in the whole list: the items of a task do not depend on which other domains there are.
    const make = (use) =>
      makeItems(
        task,
        domain,
        domain[use],
        SplitMix64.derived(seed, STREAMS[use], place, task.format, task.closing),
        items[use],
      );
    const descriptions = describe(domain, task);
    const heldOutBy = unseen(task.domain, task.format, task.closing);
    return {
      ...entryOf(task, domain),
      about: descriptions[0],
      heldOut: heldOutBy !== null,
      heldOutBy,
      descriptions,
      train: make('train'),
      test: make('test'),
    };
  });
  return { settings: { seed, split, splitSeed, items }, tasks, leftOut: source.leftOut };
}

function domainsNamed(names) {
  if (names === undefined) return DOMAINS.filter(({ optional }) => !optional);
  return names.map((asked) => {
    const domain = DOMAINS.find(({ name }) => name === asked);
    if (domain !== undefined) return domain;
    const known = DOMAINS.map(({ name }) => name).join(', ');
    throw new DndError('INVALID_ARGUMENT', `domains: expected some of ${known}, got ${JSON.stringify(asked)}`);
  });
}

function checkTexts(domain, items) {
  for (const [use, count] of Object.entries(items)) {
    if (domain[use].length >= count) continue;
    throw new DndError(
      'INVALID_PROMPTS',
      `${domain.source}.json: expected at least ${count} different texts to ${use} on, got ${domain[use].length}`,
    );
  }
}

function entryOf(task, domain) {
  return {
    name: task.name,
    domain: domain.name,
    format: FORMATS[task.format].name,
    closing: CLOSINGS[task.closing].name,
    cluster: domain.cluster,
    source: domain.source,
    licence: domain.licence,
  };
}

/**
 * Writes the tasks to a folder, all of them or none: `<name>/train.json`, `test.json` and `descriptions.json`, and
 * `index.json`, which replaces those of another run.
 * @throws DndError OUTPUT_EXISTS, DISK_FULL or NOT_WRITABLE
 */
async function writeData({ settings, tasks }, folder) {
  await writeFolderAtomically(folder, { force: true, marker: 'index.json' }, async (staging) => {
    for (const { name, train, test, descriptions } of tasks) {
      await mkdir(join(staging, name));
      await writeJson(join(staging, name, 'train.json'), train);
      await writeJson(join(staging, name, 'test.json'), test);
      await writeJson(join(staging, name, 'descriptions.json'), descriptions);
    }
    const entries = tasks.map(({ train, test, descriptions: _, ...entry }) => ({
      ...entry,
      train: train.length,
      test: test.length,
    }));
    await writeJson(join(staging, 'index.json'), {
      formatVersion: 1,
      world: 'house-styles',
      ...settings,
      tasks: entries,
    });
  });
}

async function writeJson(path, value) {
  await writeFile(path, `${JSON.stringify(value, null, 1)}\n`);
}

module.exports = { makeData, NAMES, writeData };
