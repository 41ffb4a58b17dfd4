const { execFileSync } = require('node:child_process');
const { mkdir, mkdtemp, rm } = require('node:fs/promises');
const os = require('node:os');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { describeMachine } = require('./machine.cjs');
const { Peer } = require('./peer.cjs');
const { machineLines } = require('./report/machine.cjs');
const { marksOf, tables: markTables } = require('./report/marks.cjs');
const peakReport = require('./report/peak.cjs');
const { CONFIGURATION_TABLES, SINGLE_TABLES } = require('./report/sections.cjs');
const { duration, printTable } = require('./report/table.cjs');
const { KIND, VERSION, writeResults } = require('./results.cjs');
const peak = require('./measure/peak.cjs');
const { configuration, sameDecoder } = require('./shapes.cjs');

/** Measured for each configuration, in this order; the decoder's extrapolations need the convolutions. */
const OF_CONFIGURATION = {
  convolutions: require('./measure/convolutions.cjs').measure,
  decoder: require('./measure/decoder.cjs').measure,
  writing: require('./measure/writing.cjs').measure,
};
/** Measured once, with the first configuration. */
const SINGLE = {
  encoder: require('./measure/encoder.cjs').measure,
  eventLoop: require('./measure/event-loop.cjs').measure,
  training: require('./measure/training.cjs').measure,
  language: require('./measure/language.cjs').measure,
  behaviour: require('./measure/behaviour.cjs').measure,
};
const PARTS = ['peak', ...Object.keys(OF_CONFIGURATION), ...Object.keys(SINGLE)];

/** A run as long as this asks at its end whether the machine is still as fast as it was. */
const LONG_SECONDS = 60;

/** Large files: not under /tmp, which may be memory. */
async function makeScratch() {
  const cache = process.env.DND_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(os.homedir(), '.cache'), 'dnd-lora');
  await mkdir(cache, { recursive: true });
  return mkdtemp(join(cache, 'bench-'));
}

/** all-MiniLM-L6-v2 if it is in the cache. */
function fetchedEncoder() {
  const script = join(__dirname, '../scripts/fetch-models.sh');
  return execFileSync('bash', [script, '--if-fetched'], { encoding: 'utf8' }).trim() || undefined;
}

/**
 * Measures, prints and writes; the file grows with the run, so that a run that is cut short leaves what it had.
 * @param {{ presets: string[], threads: number, runs: number, quick: boolean, only?: string[], encoder?: string, peer: boolean, out: string }} options
 * @returns {Promise<object>} the results; `problems` has a sentence for each output that is not the peer's, and for each
 *   part that failed
 */
async function run(options) {
  const { peer, about } = options.peer
    ? await Peer.start(options.threads)
    : { peer: null, about: { missing: '--no-peer' } };
  const scratch = await makeScratch();
  const session = new Session(options, peer, about, scratch);
  try {
    await session.measureAll();
  } finally {
    await peer?.stop();
    await rm(scratch, { recursive: true, force: true });
  }
  return session.results;
}

class Session {
  constructor(options, peer, about, scratch) {
    const { presets, threads, runs, quick, only = PARTS } = options;
    this.options = options;
    this.parts = only;
    this.began = performance.now();
    this.results = {
      kind: KIND,
      version: VERSION,
      date: new Date().toISOString(),
      presets,
      threads,
      runs,
      quick,
      machine: describeMachine(),
      peer: about,
      problems: [],
      configurations: [],
    };
    const progress = quick ? () => {} : (text) => process.stderr.write(`  … ${text}\n`);
    this.context = { encoder: options.encoder ?? fetchedEncoder(), threads, runs, quick, peer, scratch, progress };
  }

  async measureAll() {
    const { results } = this;
    for (const line of machineLines(results)) console.log(line);
    const configurations = this.options.presets.map(configuration);
    if (this.parts.includes('peak'))
      await this.#measure(results, 'peak', [peak.measure, peakReport.tables], configurations[0]);
    for (const [index, each] of configurations.entries()) {
      const same = configurations.slice(0, index).find((earlier) => sameDecoder(earlier, each));
      await this.#measureConfiguration(each, same);
    }
    for (const [name, measure] of Object.entries(SINGLE)) {
      const steps = [measure, SINGLE_TABLES[name]];
      if (this.parts.includes(name)) await this.#measure(results, name, steps, configurations[0]);
    }
    if (results.peak && this.#seconds() > LONG_SECONDS) {
      results.peakAfter = await peak.measureAgain(this.context, results.peak);
      for (const table of peakReport.tablesAgain(results.peakAfter, results)) printTable(table);
    }
    results.marks = marksOf(results);
    for (const table of markTables(results.marks)) printTable(table);
    results.seconds = this.#seconds();
    await writeResults(this.options.out, results);
  }

  async #measureConfiguration(configuration, same) {
    const { name, features, kernelSize } = configuration;
    const result = { name, features, kernelSize, ...(same && { sameAs: same.name }) };
    this.results.configurations.push(result);
    if (same)
      console.log(`\n${name}: same decoder as ${same.name} except for the length projection; not measured again`);
    for (const [part, measure] of Object.entries(OF_CONFIGURATION)) {
      if (this.parts.includes(part) && !(same && part !== 'writing'))
        await this.#measure(result, part, [measure, CONFIGURATION_TABLES[part]], configuration);
    }
  }

  /** A part that fails leaves the others their turn: a long run is not lost for one of them. */
  async #measure(target, name, [measure, tables], configuration) {
    const began = performance.now();
    try {
      const { wrong = [], ...measured } = await measure({ ...this.context, configuration, result: target });
      target[name] = { ...measured, took: (performance.now() - began) / 1000 };
      this.results.problems.push(...wrong);
      for (const table of tables(target[name], { ...this.results, ...target })) printTable(table);
      this.context.progress(`${name} took ${duration(target[name].took)}`);
    } catch (error) {
      console.error(error);
      this.results.problems.push(`${configuration.name}, ${name}: ${error.message}`);
    }
    await writeResults(this.options.out, this.results);
  }

  #seconds() {
    return (performance.now() - this.began) / 1000;
  }
}

module.exports = { PARTS, run };
