// npm run bench: how fast this machine runs each part, beside PyTorch where it is installed. See docs/benchmarks.md.
const os = require('node:os');
const { join, parse } = require('node:path');
const { Command, Option } = require('commander');
const { printComparison } = require('./report/compare.cjs');
const { renderPage } = require('./report/page/render.cjs');
const { readResults, ResultsError, writeText } = require('./results.cjs');
const { PARTS, run } = require('./run.cjs');
const { CONFIGURATION_NAMES, PUBLISHED } = require('./shapes.cjs');

const whole = (text) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${text} is not a whole number above 0`);
  return value;
};

const command = new Command('npm run bench --')
  .description('Measures this package on this machine, and PyTorch beside it where a Python with torch is found.')
  .addOption(
    new Option('--preset <names...>', 'configurations; all: every published one')
      .choices([...CONFIGURATION_NAMES, 'all'])
      .default(['quick']),
  )
  .option('--full', 'short for --preset qwen2.5-0.5b-common-sense', false)
  .option('--quick', 'the quick preset, a few runs, without the larger matrices: does the benchmark work?', false)
  .option('--runs <n>', 'runs of each rival, at most', whole, 5)
  .option('--threads <n>', 'threads of each rival', whole, os.availableParallelism())
  .addOption(new Option('--only <parts...>', 'parts to measure').choices(PARTS))
  .option('--encoder <folder>', 'text encoder; default: all-MiniLM-L6-v2 where scripts/fetch-models.sh has fetched it')
  .option('--no-peer', 'measure this package alone')
  .option('--out <file>', 'where to write the results as JSON; default: bench/results/<time>.json')
  .option('--page <file>', 'where to write the page; default: beside the JSON')
  .option('--render <file>', 'measure nothing: make the page of earlier results')
  .option('--compare <files...>', 'measure nothing: compare two results')
  .parse();

/** The page of results that lie in a file: beside it, unless another place is wanted. */
async function writePage(results, file, page) {
  const { dir, name } = parse(file);
  const target = page ?? join(dir, `${name}.html`);
  await writeText(target, renderPage(results));
  console.log(`written: ${target}`);
}

async function compare(files) {
  if (files.length !== 2) throw new ResultsError(`--compare wants two files and got ${files.length}`);
  printComparison(...(await Promise.all(files.map(readResults))), files);
}

function presetsOf({ quick, full, preset }) {
  if (quick) return ['quick'];
  if (full) return ['qwen2.5-0.5b-common-sense'];
  return preset.includes('all') ? PUBLISHED : [...new Set(preset)];
}

async function measure(options) {
  const date = new Date().toISOString().replaceAll(':', '-');
  const out = options.out ?? join(__dirname, 'results', `${date}.json`);
  const runs = options.quick ? Math.min(options.runs, 3) : options.runs;
  const results = await run({ ...options, presets: presetsOf(options), runs, out });
  console.log(`\nwritten: ${out}`);
  await writePage(results, out, options.page);
  for (const sentence of results.problems) console.error(`WRONG: ${sentence}`);
  if (results.problems.length > 0) process.exitCode = 1;
}

async function main() {
  const options = command.opts();
  if (options.compare) await compare(options.compare);
  else if (options.render) await writePage(await readResults(options.render), options.render, options.page);
  else await measure(options);
}

main().catch((error) => {
  console.error(error instanceof ResultsError ? error.message : error);
  process.exitCode = 1;
});
