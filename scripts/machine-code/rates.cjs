// The committed figures of device models, read out of the C++ table that the plans use.
const { spawnSync } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const NATIVE = join(__dirname, '..', '..', 'native');

/** @returns {import('./model.cjs').Device[]} those named, in that order */
exports.readRates = function readRates(names) {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-lora-rates-'));
  try {
    const program = join(folder, 'rates');
    const sources = [join(__dirname, 'rates.cc'), join(NATIVE, 'plan', 'cuda_rates.cc')];
    run(process.env.CXX ?? 'c++', ['-std=c++20', '-I', NATIVE, ...sources, '-o', program]);
    const known = JSON.parse(run(program, []));
    return names.map((name) => known.find((rates) => rates.name === name) ?? fail(`no rates of ${name} are committed`));
  } finally {
    rmSync(folder, { recursive: true });
  }
};

function run(program, options) {
  const { status, stdout, stderr, error } = spawnSync(program, options, { encoding: 'utf8' });
  return status === 0 ? stdout : fail(`${program} failed: ${error?.message ?? stderr}`);
}

function fail(message) {
  throw new Error(message);
}
