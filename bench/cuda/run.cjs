const { mkdir, mkdtemp, rm } = require('node:fs/promises');
const os = require('node:os');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { baseModelFromConfig } = require('../../dist/adapter/index.js');
const { Generator } = require('../../dist/index.js');
const { describeMachine } = require('../machine.cjs');
const { Peer } = require('../peer.cjs');
const { duration, printTable } = require('../report/table.cjs');
const { writeResults } = require('../results.cjs');
const { sameDecoder } = require('../shapes.cjs');
const { findDevice } = require('./device.cjs');
const { aboutLines, CONFIGURATION_TABLES, KIND, SINGLE_TABLES, VERSION } = require('./report.cjs');

/** Measured once; peaks first, fractions are of them. */
const SINGLE = { peaks: require('./measure/peaks.cjs').measure, encoder: require('./measure/encoder.cjs').measure };
const OF_CONFIGURATION = {
  convolutions: require('./measure/convolutions.cjs').measure,
  layers: require('./measure/decoder.cjs').measureLayers,
  decoder: require('./measure/decoder.cjs').measure,
  stages: require('./measure/stages.cjs').measure,
};

/**
 * Measures, prints and writes; the file grows with the run.
 * @returns {Promise<object>} the results, whose `problems` are sentences; or why nothing was measured: { missing }
 */
async function runOnCuda(
  engine,
  { configurations, batches, precision, runs, quick, threads, encoder, peer: wanted, out },
) {
  const device = await findDevice(engine, precision);
  if (device.missing) return { missing: device.missing };
  const { peer, about } = wanted
    ? await Peer.start(threads, 'cuda/peer.py')
    : { peer: null, about: { missing: '--no-peer' } };
  const cache = process.env.DND_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(os.homedir(), '.cache'), 'dnd-lora');
  await mkdir(cache, { recursive: true });
  const scratch = await mkdtemp(join(cache, 'bench-'));
  const results = {
    kind: KIND,
    version: VERSION,
    date: new Date().toISOString(),
    machine: describeMachine(),
    device: { ...device.about, model: device.model, precision },
    peer: about,
    batches,
    runs,
    problems: [],
    configurations: configurations.map(({ name, features, kernelSize }) => ({ name, features, kernelSize })),
  };
  const progress = (text) => process.stderr.write(`  … ${text}\n`);
  const context = { engine, device, peer, scratch, batches, precision, runs, quick, threads, encoder, progress };
  Object.assign(context, { Generator, baseModelFromConfig });

  /** A part that fails leaves the others their turn. */
  async function part(target, name, measure, tables, configuration) {
    const began = performance.now();
    try {
      const { wrong = [], ...measured } = await measure({ ...context, configuration });
      target[name] = measured;
      results.problems.push(...wrong);
      for (const table of tables(measured, results, target)) printTable(table);
      progress(`${name} took ${duration((performance.now() - began) / 1000)}`);
    } catch (error) {
      console.error(error);
      results.problems.push(`${configuration?.name ?? 'all'}, ${name}: ${error.message}`);
    }
    await writeResults(out, results);
  }

  try {
    for (const line of aboutLines(results)) console.log(line);
    for (const [name, measure] of Object.entries(SINGLE)) await part(results, name, measure, SINGLE_TABLES[name]);
    for (const [index, configuration] of configurations.entries()) {
      const same = configurations.slice(0, index).find((earlier) => sameDecoder(earlier, configuration));
      const target = results.configurations[index];
      if (same) target.sameAs = same.name;
      for (const [name, measure] of Object.entries(OF_CONFIGURATION)) {
        // The same decoder but for its length projection: only the whole differs.
        if (same && name !== 'stages') continue;
        await part(target, name, measure, CONFIGURATION_TABLES[name], configuration);
      }
    }
  } finally {
    await peer?.stop();
    await rm(scratch, { recursive: true, force: true });
  }
  return results;
}

module.exports = { runOnCuda };
