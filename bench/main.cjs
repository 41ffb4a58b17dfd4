// npm run bench: how fast this machine runs each part, beside PyTorch where it is installed. See docs/benchmarks.md.
const os = require('node:os');
const { join, parse } = require('node:path');
const { Command, Option } = require('commander');
const { CUDA_DEVICE_MODELS, PRECISION_CHOICES } = require('../dist/engine/index.js');
const { benchmarkCuda, planCuda, renderCuda } = require('./cuda/main.cjs');
const { printComparison } = require('./report/compare.cjs');
const { renderPage } = require('./report/page/render.cjs');
const { readResults, ResultsError, writeText } = require('./results.cjs');
const { PARTS, run } = require('./run.cjs');
const { CONFIGURATION_NAMES, PUBLISHED } = require('./shapes.cjs');

const whole = (text) => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${text} is not a positive integer`);
  return value;
};

const command = new Command('npm run bench --')
  .description('Measure this package on this machine, beside PyTorch if a Python with torch is found.')
  .addOption(
    new Option('--preset <names...>', 'configurations to measure; all: every published one')
      .choices([...CONFIGURATION_NAMES, 'all'])
      .default(['quick']),
  )
  .option('--full', 'short for --preset qwen2.5-0.5b-common-sense', false)
  .option('--quick', 'smoke test of the benchmark: the quick preset, a few runs, no large matrices', false)
  .option('--runs <n>', 'maximum number of runs of each rival', whole, 5)
  .option('--threads <n>', 'number of threads of each rival', whole, os.availableParallelism())
  .addOption(new Option('--only <parts...>', 'parts to measure').choices(PARTS))
  .addOption(new Option('--device <name>', 'device to measure').choices(['cpu', 'cuda']).default('cpu'))
  .option('--plan-only', 'with --device cuda: print the modelled table of a device model; needs no device', false)
  .addOption(new Option('--model <name>', 'of --plan-only').choices(CUDA_DEVICE_MODELS).default('h200'))
  .addOption(new Option('--precision <name>', 'with --device cuda').choices(PRECISION_CHOICES).default('mixed'))
  .option('--batches <n...>', 'with --device cuda: tasks together', (text, all = []) => [...all, whole(text)])
  .option('--json', 'with --plan-only: print only JSON', false)
  .option(
    '--encoder <folder>',
    'text encoder folder; default: all-MiniLM-L6-v2 if scripts/fetch-models.sh has downloaded it',
  )
  .option('--no-peer', 'measure this package without PyTorch')
  .option('--out <file>', 'output file of the results (JSON); default: bench/results/<time>.json')
  .option('--page <file>', 'output file of the page; default: beside the JSON')
  .option(
    '--render <file>',
    'render the page of earlier results without measuring; with --device cuda: print their tables',
  )
  .option('--compare <files...>', 'compare two results without measuring')
  .parse();

/** The page of results that lie in a file: beside it, unless another place is wanted. */
async function writePage(results, file, page) {
  const { dir, name } = parse(file);
  const target = page ?? join(dir, `${name}.html`);
  await writeText(target, renderPage(results));
  console.log(`written: ${target}`);
}

async function compare(files) {
  if (files.length !== 2) throw new ResultsError(`--compare: wrong number of files; expected 2, got ${files.length}`);
  printComparison(...(await Promise.all(files.map(readResults))), files);
}

function presetsOf({ quick, full, preset }) {
  if (quick) return ['quick'];
  if (full) return ['qwen2.5-0.5b-common-sense'];
  return preset.includes('all') ? PUBLISHED : [...new Set(preset)];
}

const resultsFile = (name) =>
  join(__dirname, 'results', `${name}${new Date().toISOString().replaceAll(':', '-')}.json`);

async function measure(options) {
  const out = options.out ?? resultsFile('');
  const runs = options.quick ? Math.min(options.runs, 3) : options.runs;
  const results = await run({ ...options, presets: presetsOf(options), runs, out });
  console.log(`\nwritten: ${out}`);
  await writePage(results, out, options.page);
  for (const sentence of results.problems) console.error(`WRONG: ${sentence}`);
  if (results.problems.length > 0) process.exitCode = 1;
}

async function main() {
  const options = command.opts();
  const chosen = command.getOptionValueSource('preset') !== 'default' || options.quick || options.full;
  const presets = chosen ? presetsOf(options) : PUBLISHED;
  if (options.planOnly && options.device !== 'cuda') throw new ResultsError('--plan-only requires --device cuda');
  if (options.planOnly) await planCuda({ ...options, presets });
  else if (options.device === 'cuda' && options.render) await renderCuda(options.render);
  else if (options.device === 'cuda')
    await benchmarkCuda({ ...options, presets, out: options.out ?? resultsFile('cuda-') });
  else if (options.compare) await compare(options.compare);
  else if (options.render) await writePage(await readResults(options.render), options.render, options.page);
  else await measure(options);
}

main().catch((error) => {
  console.error(error instanceof ResultsError ? error.message : error);
  process.exitCode = 1;
});
