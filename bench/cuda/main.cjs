const engine = require('../../dist/engine/index.js');
const { printTable } = require('../report/table.cjs');
const { readResults, writeText } = require('../results.cjs');
const { configuration } = require('../shapes.cjs');
const { runOnCuda } = require('./run.cjs');
const { plannedResults } = require('./planned.cjs');
const { plannedTables } = require('./planned-report.cjs');
const { aboutLines, cudaTables, KIND, VERSION } = require('./report.cjs');

const BATCHES = [1, 8, 64];

/**
 * Prints what a device model is predicted to need, and writes it as JSON where a file is named.
 * @param {{ presets: string[], model: string, precision: string, batches?: number[], json: boolean, out?: string }} options
 */
async function planCuda({ presets, model, precision, batches = BATCHES, json, out }) {
  const configurations = presets.map(configuration);
  const results = plannedResults(engine, { configurations, model, precision, batches });
  const text = `${JSON.stringify(results, null, 1)}\n`;
  if (out) await writeText(out, text);
  if (json) process.stdout.write(text);
  else for (const table of plannedTables(results)) printTable(table);
}

/** Measures on the first CUDA device; says why and sets the exit code to 1 where there is none. */
async function benchmarkCuda({ presets, batches = BATCHES, ...options }) {
  const results = await runOnCuda(engine, { ...options, batches, configurations: presets.map(configuration) });
  if (results.missing)
    console.error(`nothing was measured: ${results.missing}\n(--plan-only prints the modelled table)`);
  else console.log(`\nwritten: ${options.out}`);
  for (const sentence of results.problems ?? []) console.error(`WRONG: ${sentence}`);
  if (results.missing || results.problems.length > 0) process.exitCode = 1;
}

/** The tables of an earlier run. */
async function renderCuda(file) {
  const results = await readResults(file, { kind: KIND, current: VERSION });
  for (const line of aboutLines(results)) console.log(line);
  for (const table of cudaTables(results)) printTable(table);
}

module.exports = { benchmarkCuda, planCuda, renderCuda };
