#!/usr/bin/env node
// npm run gpu:check: everything that only a GPU can show, unattended and without a network. See docs/gpu/running.md.
//   node scripts/gpu-check.cjs                       all stages
//   node scripts/gpu-check.cjs --only build tests    some of them; what an earlier run of the same commit found is kept
//   … --out FOLDER                                   copies what was found there too
// Writes docs/gpu/<device>-<date>.json and docs/gpu/README.md. Exit code 1: no GPU here, or something failed.
const { cpSync, mkdirSync } = require('node:fs');
const { basename, join, resolve } = require('node:path');
const { findDevice } = require('./gpu/device.cjs');
const { openResult } = require('./gpu/result.cjs');
const { STAGES } = require('./gpu/stages.cjs');
const { writeReadme } = require('./gpu/readme.cjs');

const ROOT = join(__dirname, '..');

main(parse(process.argv.slice(2)));

function parse(words) {
  const options = { only: Object.keys(STAGES), out: undefined };
  while (words.length > 0) {
    const option = words.shift();
    if (option === '--out' && words.length > 0) options.out = resolve(words.shift());
    else if (option === '--only') {
      options.only = [];
      while (words.length > 0 && !words[0].startsWith('--')) options.only.push(words.shift());
    } else
      fail(
        `unknown option ${option}; usage: npm run gpu:check -- [--only ${Object.keys(STAGES).join(' ')}] [--out FOLDER]`,
      );
  }
  const unknown = options.only.find((name) => !STAGES[name]);
  if (unknown !== undefined) fail(`there is no stage '${unknown}'; there are ${Object.keys(STAGES).join(', ')}`);
  return options;
}

function main({ only, out }) {
  const device = findDevice();
  if (device.missing) fail(device.missing);
  const result = openResult(ROOT, device);
  process.stdout.write(`${device.name}, compute capability ${device.computeCapability}, driver ${device.driver}\n`);
  for (const name of only) {
    const began = Date.now();
    process.stdout.write(`\n=== ${name}\n`);
    let found;
    try {
      found = STAGES[name]({ root: ROOT, device });
    } catch (error) {
      found = { ok: false, problem: error.message };
    }
    const seconds = Math.round((Date.now() - began) / 100) / 10;
    result.add(name, { ...found, seconds });
    const verdict = found.skipped ? `left out: ${found.skipped}` : found.ok ? 'ok' : `FAILED: ${found.problem}`;
    process.stdout.write(`${name}: ${verdict} (${seconds} s)\n`);
    // Without a build, the others would only test what an earlier one left.
    if (name === 'build' && !found.ok) break;
  }
  const file = result.write();
  writeReadme(ROOT);
  process.stdout.write(`\nwritten: ${file}\n`);
  if (out) {
    mkdirSync(out, { recursive: true });
    cpSync(file, join(out, basename(file)));
    cpSync(join(ROOT, 'docs', 'gpu', 'README.md'), join(out, 'README.md'));
  }
  if (result.failed()) process.exitCode = 1;
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
