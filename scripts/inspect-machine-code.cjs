#!/usr/bin/env node
// Reads the machine code of libdnd_cuda.so: registers, spills, occupancy, main loops, what each kernel can reach.
//   node scripts/inspect-machine-code.cjs --launches FILE            says what is wrong, and whether the table is that of the code
//   node scripts/inspect-machine-code.cjs --launches FILE --write    writes docs/gpu/machine-code.md and .json
// --library names another libdnd_cuda.so than build/Release's. The launches are those that the emulated tests recorded
// (DND_EMULATOR_LAUNCHES=FILE). Exit code 1: a spill, a kernel that no test launches, or a table that is out of date.
const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join, relative } = require('node:path');
const { parseArgs } = require('node:util');
const { compilerVersion, readKernels } = require('./machine-code/cubins.cjs');
const { readLaunches } = require('./machine-code/launches.cjs');
const { renderPage } = require('./machine-code/page.cjs');
const { readRates } = require('./machine-code/rates.cjs');
const { makeTable } = require('./machine-code/table.cjs');

const ROOT = join(__dirname, '..');
const FOLDER = join(ROOT, 'docs', 'gpu');
const DEVICES = ['a100-sxm-80gb', 'h100-sxm', 'h200'];

try {
  main();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

function main() {
  const { values } = parseArgs({
    options: {
      library: { type: 'string', default: join(ROOT, 'build', 'Release', 'libdnd_cuda.so') },
      launches: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  if (!values.launches)
    throw new Error('--launches FILE is missing: what DND_EMULATOR_LAUNCHES=FILE had the emulated tests write');
  if (!existsSync(values.library))
    throw new Error(`${values.library} is not there: build it with nvcc (npm run build:native)`);
  const toolkit = findToolkit();
  const devices = readRates(DEVICES);
  const { kernels, problems } = makeTable(readKernels(toolkit, values.library), readLaunches(values.launches), devices);
  if (kernels.length === 0) throw new Error(`${values.library} has no kernels`);
  const architectures = [...new Set(kernels.flatMap((kernel) => Object.keys(kernel.architectures)))].sort(byNumber);
  const table = { compiler: compilerVersion(toolkit), architectures, devices, kernels };
  const files = {
    'machine-code.json': renderData(table),
    'machine-code.md': renderPage(table),
  };
  const problemsOfTable = values.write ? write(files) : compare(files, table.compiler);
  for (const problem of [...problems, ...problemsOfTable]) process.stderr.write(`WRONG: ${problem}\n`);
  process.stdout.write(
    `${kernels.length} kernels on ${architectures.join(', ')}; ${problems.length + problemsOfTable.length} problems\n`,
  );
  if (problems.length + problemsOfTable.length > 0) process.exitCode = 1;
}

/** A line for each kernel: changes of one are seen as such. */
function renderData({ kernels, ...head }) {
  const lines = kernels.map((kernel) => JSON.stringify(kernel)).join(',\n');
  return `${JSON.stringify(head).slice(0, -1)},\n"kernels":[\n${lines}\n]}\n`;
}

function write(files) {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(FOLDER, name), text);
  return [];
}

function compare(files, compiler) {
  const committed = join(FOLDER, 'machine-code.json');
  const before = existsSync(committed) ? JSON.parse(readFileSync(committed, 'utf8')).compiler : undefined;
  if (before !== undefined && before !== compiler) {
    process.stdout.write(
      `The committed table is of nvcc ${before}, this library of ${compiler}: they are not compared.\n`,
    );
    return [];
  }
  return Object.entries(files)
    .filter(([name, text]) => !existsSync(join(FOLDER, name)) || readFileSync(join(FOLDER, name), 'utf8') !== text)
    .map(([name]) => `${relative(ROOT, join(FOLDER, name))} is not that of the code: make it again with --write`);
}

function findToolkit() {
  const { status, stdout, stderr } = spawnSync('bash', [join(__dirname, 'cuda-toolkit.sh')], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

function byNumber(a, b) {
  return Number(/\d+/.exec(a)) - Number(/\d+/.exec(b));
}
