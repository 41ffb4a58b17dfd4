// npm run bench: how fast this machine runs each part, beside PyTorch where it is installed. See docs/benchmarks.md.
const { execFileSync } = require('node:child_process');
const { mkdir, mkdtemp, rm, writeFile } = require('node:fs/promises');
const os = require('node:os');
const { dirname, join } = require('node:path');
const { Command, Option } = require('commander');
const { describeMachine, printMachine } = require('./machine.cjs');
const { Peer } = require('./peer.cjs');
const { configuration, CONFIGURATION_NAMES } = require('./shapes.cjs');
const SECTIONS = {
  gemm: require('./gemm.cjs'),
  convolutions: require('./convolutions.cjs'),
  decoder: require('./decoder.cjs'),
  encoder: require('./encoder.cjs'),
  writing: require('./writing.cjs'),
  eventLoop: require('./event-loop.cjs'),
};

const whole = (text) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${text} is not a whole number above 0`);
  return value;
};

const command = new Command('npm run bench --')
  .description('Measures this package on this machine, and PyTorch beside it where a Python with torch is found.')
  .addOption(new Option('--preset <name>', 'what is measured').choices(CONFIGURATION_NAMES).default('quick'))
  .option('--full', 'short for --preset qwen2.5-0.5b-common-sense', false)
  .option('--quick', 'the quick preset, once, without the larger matrices: does the benchmark work?', false)
  .option('--runs <n>', 'runs of each rival', whole, 5)
  .option('--threads <n>', 'threads of each rival', whole, os.availableParallelism())
  .addOption(new Option('--only <parts...>', 'parts to measure').choices(Object.keys(SECTIONS)))
  .option('--encoder <folder>', 'text encoder; default: all-MiniLM-L6-v2 where scripts/fetch-models.sh has fetched it')
  .option('--no-peer', 'measure this package alone')
  .option('--out <file>', 'where to write the results as JSON; default: bench/results/<time>.json')
  .parse();

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

async function main() {
  const options = command.opts();
  if (options.full) options.preset = 'qwen2.5-0.5b-common-sense';
  if (options.quick) Object.assign(options, { preset: 'quick', runs: 1 });
  options.encoder ??= fetchedEncoder();
  const { peer, about } = options.peer
    ? await Peer.start(options.threads)
    : { peer: null, about: { missing: '--no-peer' } };
  const scratch = await makeScratch();
  const context = { ...options, peer, scratch, configuration: configuration(options.preset) };
  const results = {
    version: 1,
    date: new Date().toISOString(),
    preset: options.preset,
    threads: options.threads,
    runs: options.runs,
    machine: describeMachine(),
    peer: about,
  };
  let wrong = [];
  try {
    printMachine(results);
    for (const name of options.only ?? Object.keys(SECTIONS)) {
      results[name] = await SECTIONS[name].measure(context);
      SECTIONS[name].print(results[name], results);
      wrong = wrong.concat(results[name].wrong ?? []);
    }
  } finally {
    await peer?.stop();
    await rm(scratch, { recursive: true, force: true });
  }
  const out = options.out ?? join(__dirname, 'results', `${results.date.replaceAll(':', '-')}.json`);
  await mkdir(dirname(out), { recursive: true });
  await writeFile(out, `${JSON.stringify(results, null, 1)}\n`);
  console.log(`\nwritten: ${out}`);
  for (const sentence of wrong) console.error(`WRONG: ${sentence}`);
  if (wrong.length > 0) process.exitCode = 1;
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
