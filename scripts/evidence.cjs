#!/usr/bin/env node
// The evidence that generated adapters help, as docs/evidence.json (figures) and docs/evidence.md (made from them).
//   node scripts/evidence.cjs add --split N --seed N EVAL.json   adds, or replaces, what `dnd eval --out` wrote for a world
//   node scripts/evidence.cjs                                    writes the page
//   node scripts/evidence.cjs --check                            fails where the page is not that of the figures
const { existsSync, readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { parseArgs } = require('node:util');

const DOCS = process.env.DND_EVIDENCE_DOCS ?? join(__dirname, '..', 'docs');
const FIGURES = join(DOCS, 'evidence.json');
const PAGE = join(DOCS, 'evidence.md');
const VERSION = 1;
/** Splits, and seeds, from which the page calls the spread known. */
const WANTED = 3;

function readFigures() {
  if (!existsSync(FIGURES)) return { formatVersion: VERSION, worlds: [] };
  const figures = JSON.parse(readFileSync(FIGURES, 'utf8'));
  if (figures.formatVersion !== VERSION) throw new Error(`${FIGURES}: expected format version ${VERSION}`);
  return figures;
}

/** The means of an evaluation; its per-task values stay in the file. */
function summaryOf(path, split, seed) {
  const { formatVersion, createdBy, tasks, singles, draws, rows, comparisons, verdict, method } = JSON.parse(
    readFileSync(path, 'utf8'),
  );
  if (formatVersion !== 1)
    throw new Error(`${path}: expected an evaluation of format version 1, as dnd eval --out writes`);
  return {
    split,
    seed,
    createdBy,
    tasks: tasks.length,
    items: tasks.reduce((sum, { test }) => sum + test, 0),
    singles,
    draws,
    method,
    verdict: verdict.headline,
    rows: rows.map(({ row, label, exactMatch, logLikelihood }) => ({
      row,
      label,
      exactMatch: round(exactMatch.mean),
      interval: [exactMatch.low, exactMatch.high].map(round),
      logLikelihood: round(logLikelihood.mean),
      outcome: comparisons.find((one) => one.with === row)?.outcome ?? null,
    })),
  };
}

const round = (value) => Number(value.toPrecision(5));
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Sample standard deviation of at least two values. */
function deviation(values) {
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

const counted = (count, noun) => `${count} ${noun}${count === 1 ? '' : 's'}`;

function page({ worlds }) {
  const splits = new Set(worlds.map(({ split }) => split));
  const seeds = new Set(worlds.map(({ seed }) => seed));
  const labels = new Map(worlds.flatMap(({ rows }) => rows.map(({ row, label }) => [row, label])));
  const percent = (value) => (100 * value).toFixed(1);
  const lines = [...labels].map(([row, label]) => {
    const own = worlds.flatMap(({ rows }) => rows.filter((one) => one.row === row));
    const exact = own.map(({ exactMatch }) => exactMatch);
    const better = own.filter(({ outcome }) => outcome === 'better').length;
    const compared = own.filter(({ outcome }) => outcome !== null).length;
    const cells = [
      row === 'generated' ? `**${label}**` : label,
      // The spread over worlds is unknown where there is one: its own interval says nothing of others.
      exact.length > 1 ? `${percent(mean(exact))} ± ${percent(deviation(exact))}` : percent(exact[0]),
      `${percent(Math.min(...exact))} – ${percent(Math.max(...exact))}`,
      mean(own.map(({ logLikelihood }) => logLikelihood)).toFixed(3),
      compared === 0 ? '' : `${better} of ${compared}`,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const verdicts = [...new Set(worlds.map(({ verdict }) => verdict))].map((verdict) => {
    const count = worlds.filter((world) => world.verdict === verdict).length;
    return `- ${count} of ${worlds.length} worlds: "${verdict}"`;
  });
  const byWorld = worlds.map(({ split, seed, tasks, items, rows }) => {
    const of = (row) => {
      const found = rows.find((one) => one.row === row);
      return found ? percent(found.exactMatch) : '–';
    };
    const { interval } = rows.find(({ row }) => row === 'generated');
    const generated = `${of('generated')} (${interval.map(percent).join(' – ')})`;
    const others = ['base', 'meanOfTraining', 'bestSingle'].map(of);
    const cells = [split, seed, tasks, items, ...others, generated, of('otherPrompts')];
    return `| ${cells.join(' | ')} |`;
  });
  return `# Evidence: do unlabeled prompts become weights that help?

Made from [evidence.json](evidence.json) by \`node scripts/evidence.cjs\`; not edited by hand.

## The pocket world

${counted(worlds.length, 'world')}: ${counted(splits.size, 'split')} into training tasks and held-out tasks, ${counted(seeds.size, 'seed')} of everything random (base, checkpoints,
generator).${splits.size < WANTED || seeds.size < WANTED ? ` **That is too few**: ${WANTED} splits and ${WANTED} seeds are wanted, and until they are there the spread over worlds is not known.` : ''} In each, the generator is asked for the adapters of tasks that it never saw, from unlabeled prompts, and the base answers their test
items with them ([evaluation.md](evaluation.md) explains rows, measures and intervals; [pocket.md](pocket.md) the world).

| adapter | exact match, %, mean over worlds ± standard deviation | least – most | log-likelihood per token | generated is better in |
|---|---|---|---|---|
${lines.join('\n')}

What \`dnd eval\` says of each world:

${verdicts.join('\n')}

| split | seed | held-out tasks | test items | base | mean of the training LoRAs | best training LoRA | generated (95 % interval over its tasks) | another task's prompts |
|---|---|---|---|---|---|---|---|---|
${byWorld.join('\n')}

## What this does not show

- **Compositional generalisation only.** Every held-out task is a new *combination* of a question, a speaker and a manner, each of
  which occurs in training tasks. Nothing is shown about attribute values that no training task has.
- **The world is small and made for the purpose**, with a base of less than a million parameters. It shows that the method, and
  this implementation of it, can turn a prompt set into weights that the prompts one by one do not determine. It does not show
  that a generator for a large model helps with your tasks.
- **A simpler method may do as well**: in a prototype, a regression on the task's three attributes did, which one would have to be told.
  The generator is told nothing; it has the prompts.
- **Hyper-parameters** come from a prototype on another base and split, whose held-out scores were in view. The decoder's shape and the
  pre-training were adapted while the world of split 1, seed 1 was being made, so its figure may flatter; other splits and seeds
  are built with the same numbers. The rule that a base is trained anew, longer, until it answers every question was made after
  seeds 2 and 3 had been built without it: their bases could not answer one of the five questions, and own LoRAs (77.8 to 81.8 %) and
  generated adapters (75.9 to 81.8 %) could not either. It looks at the base's plain replies, at no task.

## Make it again

\`\`\`bash
node examples/pocket/build.cjs --split 2 --seed 3 --work /tmp/world --no-ship
node scripts/evidence.cjs add --split 2 --seed 3 /tmp/world/evaluation.json && node scripts/evidence.cjs
\`\`\`
`;
}

function wholeNumber(name, text) {
  if (/^\d{1,9}$/.test(text ?? '')) return Number(text);
  throw new Error(`--${name}: expected a whole number, got ${JSON.stringify(text)}`);
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { check: { type: 'boolean' }, split: { type: 'string' }, seed: { type: 'string' } },
  });
  const figures = readFigures();
  const [command, path] = positionals;
  if (command === 'add') {
    const added = summaryOf(path, wholeNumber('split', values.split), wholeNumber('seed', values.seed));
    const others = figures.worlds.filter(({ split, seed }) => split !== added.split || seed !== added.seed);
    const worlds = [...others, added].sort((one, other) => one.split - other.split || one.seed - other.seed);
    writeFileSync(FIGURES, `${JSON.stringify({ formatVersion: VERSION, worlds }, null, 1)}\n`);
    return;
  }
  if (command !== undefined) throw new Error(`there is no command ${JSON.stringify(command)}; expected add, or none`);
  if (figures.worlds.length === 0) throw new Error(`${FIGURES} has no worlds; add one first`);
  const text = page(figures);
  if (!values.check) {
    writeFileSync(PAGE, text);
  } else if (!existsSync(PAGE) || readFileSync(PAGE, 'utf8') !== text) {
    throw new Error(`${PAGE} is not the page of ${FIGURES}; write it with node scripts/evidence.cjs`);
  }
}

try {
  main();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
