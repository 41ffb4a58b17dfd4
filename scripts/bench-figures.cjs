#!/usr/bin/env node
// Makes the figures of docs/benchmarks.md out of docs/bench/*.json, which `npm run bench -- --out` wrote, and of the modelled
// times of an H200; --check only says whether they are up to date.
const { readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { basename, join } = require('node:path');
const { plannedResults } = require('../bench/cuda/planned.cjs');
const { documentedFigures, withFigures } = require('../bench/report/documented.cjs');
const { readResults } = require('../bench/results.cjs');
const { configuration, PUBLISHED } = require('../bench/shapes.cjs');
const engine = require('../dist/engine/index.js');

const DOCS = join(__dirname, '..', 'docs');
const PAGE = join(DOCS, 'benchmarks.md');
const PLAN = { model: 'h200', precision: 'mixed', batches: [1, 8] };

async function measured() {
  const names = readdirSync(join(DOCS, 'bench')).filter((name) => name.endsWith('.json'));
  return Promise.all(
    names.sort().map(async (name) => ({
      name: basename(name, '.json'),
      results: await readResults(join(DOCS, 'bench', name)),
    })),
  );
}

async function main() {
  const planned = plannedResults(engine, { ...PLAN, configurations: PUBLISHED.map(configuration) });
  const page = readFileSync(PAGE, 'utf8');
  const made = withFigures(page, documentedFigures(await measured(), planned));
  if (!process.argv.includes('--check')) writeFileSync(PAGE, made);
  else if (page !== made)
    throw new Error(
      'docs/benchmarks.md has other figures than docs/bench; write it with node scripts/bench-figures.cjs',
    );
}

main().catch((error) => {
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = 1;
});
