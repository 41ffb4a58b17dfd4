#!/usr/bin/env node
// The evidence that generated adapters help, as docs/evidence.json (figures) and docs/evidence.md (made from them).
//   node scripts/evidence.cjs add --world pocket --split N --seed N EVAL.json
//   node scripts/evidence.cjs add --world house-styles|house-styles-pairs|instructions --part singles|tasks|counts|descriptions
//     [--split N] --seed N [--index tasks/index.json] EVAL.json  adds, or replaces, what `dnd eval --out` wrote, of one build;
//                                                                builds of other seeds stay. The index says which tasks
//                                                                are of data for research only
//   node scripts/evidence.cjs add --world comparison --part <variant> --seed N EVAL.json    the same of a variant of settings
//   node scripts/evidence.cjs                                    writes the page
//   node scripts/evidence.cjs --check                            fails where the page is not that of the figures
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { mayShip } = require('../worlds/smollm2/licences.cjs');
const { comparisonSection, PARTS: VARIANTS } = require('./evidence/comparison.cjs');
const { figuresText, readFigures, summaryOf } = require('./evidence/figures.cjs');
const { pocketSection } = require('./evidence/pocket.cjs');
const { PARTS, smollm2Section, WORLDS: SMOLLM2_WORLDS } = require('./evidence/smollm2.cjs');

const DOCS = process.env.DND_EVIDENCE_DOCS ?? join(__dirname, '..', 'docs');
const FIGURES = join(DOCS, 'evidence.json');
const PAGE = join(DOCS, 'evidence.md');
const VERSION = 2;

/** Of each world: its section, and the parts that an evaluation of it may be of. */
const WORLDS = {
  pocket: { section: pocketSection, parts: [undefined] },
  ...Object.fromEntries(
    Object.keys(SMOLLM2_WORLDS).map((name) => [
      name,
      { section: (own) => smollm2Section(name, own), parts: Object.keys(PARTS), split: '1', byTask: true },
    ]),
  ),
  comparison: { section: comparisonSection, parts: VARIANTS, split: '2' },
};

function page({ worlds }) {
  const sections = Object.entries(WORLDS).flatMap(([name, { section }]) => {
    const own = worlds.filter(({ world }) => world === name);
    return own.length === 0 ? [] : [section(own)];
  });
  return `# Evidence: do unlabeled prompts become weights that help?

Made from [evidence.json](evidence.json) by \`node scripts/evidence.cjs\`; not edited by hand.

${sections.join('\n')}`;
}

function oneOf(name, values, given) {
  if (values.includes(given)) return given;
  const expected = values.map((value) => value ?? 'none').join(' or ');
  throw new Error(`--${name}: expected ${expected}, got ${JSON.stringify(given)}`);
}

function wholeNumber(name, text) {
  if (/^\d{1,9}$/.test(text ?? '')) return Number(text);
  throw new Error(`--${name}: expected a whole number, got ${JSON.stringify(text)}`);
}

function add(figures, path, values) {
  const world = oneOf('world', Object.keys(WORLDS), values.world);
  const { parts, split: usual, byTask = false } = WORLDS[world];
  const part = oneOf('part', parts, values.part);
  const [split, seed] = [wholeNumber('split', values.split ?? usual), wholeNumber('seed', values.seed)];
  const key = { world, ...(part === undefined ? {} : { part }), split, seed };
  const isSame = (one) => one.world === world && one.part === part && one.split === split && one.seed === seed;
  const order = (one) => [Object.keys(WORLDS).indexOf(one.world), one.part ?? '', one.split, one.seed];
  const worlds = [
    ...figures.worlds.filter((one) => !isSame(one)),
    summaryOf(path, key, { byTask, research: researchIn(values.index) }),
  ];
  worlds.sort((one, other) => compare(order(one), order(other)));
  writeFileSync(FIGURES, figuresText({ formatVersion: VERSION, worlds }));
}

/** @returns a function that says of a task's name whether it is of data for research only, by the index of its world */
function researchIn(index) {
  if (index === undefined) return () => false;
  const { tasks } = JSON.parse(readFileSync(index, 'utf8'));
  const ships = new Map(tasks.map(({ name, licence, shippable }) => [name, shippable ?? mayShip(licence)]));
  return (name) => {
    if (ships.has(name)) return !ships.get(name);
    throw new Error(
      `--index: ${index} has no task ${JSON.stringify(name)}, which was evaluated; expected the index of its world`,
    );
  };
}

function compare(one, other) {
  const place = one.findIndex((value, index) => value !== other[index]);
  if (place < 0) return 0;
  return one[place] < other[place] ? -1 : 1;
}

function main() {
  const text = { type: 'string' };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { check: { type: 'boolean' }, world: text, part: text, split: text, seed: text, index: text },
  });
  const figures = readFigures(FIGURES, VERSION);
  const [command, path] = positionals;
  if (command === 'add') {
    add(figures, path, values);
    return;
  }
  if (command !== undefined) throw new Error(`there is no command ${JSON.stringify(command)}; expected add, or none`);
  if (figures.worlds.length === 0) throw new Error(`${FIGURES} has no worlds; add one first`);
  const made = page(figures);
  if (!values.check) {
    writeFileSync(PAGE, made);
  } else if (!existsSync(PAGE) || readFileSync(PAGE, 'utf8') !== made) {
    throw new Error(`${PAGE} is not the page of ${FIGURES}; write it with node scripts/evidence.cjs`);
  }
}

try {
  main();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
