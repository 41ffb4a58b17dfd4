#!/usr/bin/env node
// Runs prebuilt addons on this machine, x86-64 Linux: each has to find the instruction sets that the processor has, and to give
// the golden numbers on every one of them.
//   node scripts/try-prebuilds.cjs                   those of prebuilds/ that can run here
//   node scripts/try-prebuilds.cjs linux-arm64 …     these
//   … --golden FOLDER [--only causal_,encoder_]      the files of reference numbers; default ../shared/golden, every one
// 64-bit ARM runs under qemu, musl in a Node for it (scripts/prebuilds/*-node.sh, each of which says what it needs). Needs dist/.
// Prints `tried: N passed, M failed` last.
const { execFileSync, spawnSync } = require('node:child_process');
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { join, resolve } = require('node:path');
const { parseArgs } = require('node:util');
const { instructionSetsOf } = require('./prebuilds/instruction-sets.cjs');
const TARGETS = require('./prebuilds/targets.json');

const ROOT = join(__dirname, '..');
/** A program that runs Node for a platform, by the script that prints its path. */
const NODES = { 'linux-x64': undefined, 'linux-x64-musl': 'musl-node.sh', 'linux-arm64': 'arm64-node.sh' };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    golden: { type: 'string', default: join(ROOT, '..', 'shared', 'golden') },
    only: { type: 'string', default: 'causal_,criterion_,decoder_,encoder_,layout_,lora_,training_' },
  },
});

let passed = 0;
let failed = 0;
main();

function main() {
  const unknown = positionals.find((name) => !Object.hasOwn(NODES, name));
  if (unknown) throw new Error(`${unknown} cannot run here; there are: ${Object.keys(NODES).join(', ')}`);
  const built = Object.keys(NODES).filter((name) => existsSync(fileOf(name)));
  for (const name of positionals.length > 0 ? positionals : built) tryPlatform(name, goldenFiles());
  console.log(`tried: ${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

function fileOf(name) {
  return join(ROOT, 'prebuilds', TARGETS[name].file);
}

/** Empty where there are none. */
function goldenFiles() {
  const folder = resolve(values.golden);
  if (!existsSync(folder)) return [];
  const prefixes = values.only.split(',');
  const isChosen = (name) => name.endsWith('.safetensors') && prefixes.some((prefix) => name.startsWith(prefix));
  return readdirSync(folder)
    .filter(isChosen)
    .map((name) => join(folder, name));
}

function tryPlatform(name, golden) {
  const script = NODES[name];
  const node = script
    ? execFileSync('bash', [join(__dirname, 'prebuilds', script)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      }).trim()
    : process.execPath;
  const processor = TARGETS[name].processor === 'aarch64' ? 'arm64' : 'x64';
  const wanted = instructionSetsOf(processor, readFileSync('/proc/cpuinfo', 'utf8'));
  const { status, signal, stdout, stderr } = run(node, [join(__dirname, 'prebuilds', 'load.cjs'), fileOf(name)]);
  if (status !== 0) return report(`${name} is loaded`, stderr.trim() || `it ended with ${signal ?? status}`);
  const { available, bfloat16, compiler } = JSON.parse(stdout);
  const found = { available, bfloat16 };
  const same = JSON.stringify(found) === JSON.stringify(wanted);
  report(
    `${name} (${compiler.replace(/ \(.*/, '')}) finds ${available.join(', ')}${bfloat16 ? ', bfloat16' : ''}`,
    same ? undefined : `it should find ${JSON.stringify(wanted)}`,
  );
  if (golden.length === 0) return console.log(`left out: golden numbers, because ${values.golden} has none`);
  for (const set of available) verify(name, node, set, golden);
}

function verify(name, node, set, golden) {
  const began = Date.now();
  const parameters = [join(ROOT, 'dist', 'cli', 'main.js'), 'verify', ...golden, '--json'];
  const { stdout, stderr } = run(node, parameters, { DND_ADDON: fileOf(name), DND_CPU_ISA: set });
  const sentence = `${name} gives the golden numbers on ${set}`;
  let verdicts;
  try {
    verdicts = JSON.parse(stdout);
  } catch {
    return report(sentence, stderr.trim() || stdout.trim());
  }
  const checks = verdicts.flatMap((verdict) => verdict.checks);
  const compared = checks.filter(({ skipped }) => !skipped);
  const wrong = verdicts.filter(({ ok }) => !ok).map(({ file, error }) => `${file} ${error?.message ?? ''}`);
  const largest = Math.max(...compared.map(({ relativeError }) => relativeError ?? 0));
  const seconds = ((Date.now() - began) / 1000).toFixed(0);
  report(
    `${sentence}: ${compared.length} checks, largest relative error ${largest.toExponential(1)}, ${seconds} s`,
    wrong.length > 0 ? wrong.join(', ') : compared.length === 0 ? 'nothing was compared' : undefined,
  );
}

function run(program, parameters, environment = {}) {
  return spawnSync(program, parameters, {
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
}

/** @param {string | undefined} problem */
function report(sentence, problem) {
  if (problem === undefined) passed++;
  else failed++;
  console.log(problem === undefined ? `ok   ${sentence}` : `FAIL ${sentence}: ${problem}`);
}
