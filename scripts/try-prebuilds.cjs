#!/usr/bin/env node
// Runs prebuilt addons on this machine, x86-64 Linux: each has to find the instruction sets that the processor has, and to give
// the golden numbers on every one of them.
//   node scripts/try-prebuilds.cjs                   those of prebuilds/ that can run here
//   node scripts/try-prebuilds.cjs linux-arm64 …     these
//   … --golden FOLDER [--only causal_,encoder_]      the files of reference numbers; default ../shared/golden, every one
// 64-bit ARM runs under qemu, musl in a Node for it, Windows under Wine (scripts/prebuilds/*-node.sh, each of which says what
// it needs). Needs dist/.
// Prints `tried: N passed, M failed` last.
const { spawnSync } = require('node:child_process');
const { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join, resolve } = require('node:path');
const { parseArgs } = require('node:util');
const { instructionSetsOf } = require('./prebuilds/instruction-sets.cjs');
const TARGETS = require('./prebuilds/targets.json');

const ROOT = join(__dirname, '..');
/** A program that runs Node for a platform, by the script that prints its path. */
const NODES = {
  'linux-x64': undefined,
  'linux-x64-musl': 'musl-node.sh',
  'linux-arm64': 'arm64-node.sh',
  'win32-x64': 'wine-node.sh',
};

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
  const { status, stdout } = script
    ? spawnSync('bash', [join(__dirname, 'prebuilds', script)], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      })
    : { status: 0, stdout: process.execPath };
  if (status !== 0) return report(`${name} can run here`, 'see above');
  const node = stdout.trim();
  const processor = TARGETS[name].processor === 'aarch64' ? 'arm64' : 'x64';
  const wanted = instructionSetsOf(processor, readFileSync('/proc/cpuinfo', 'utf8'));
  const { cpuInfo, error } = reportOf(node, name);
  if (error) return report(`${name} is loaded`, error);
  const { available, bfloat16, compiler } = cpuInfo;
  const same = JSON.stringify({ available, bfloat16 }) === JSON.stringify(wanted);
  report(
    `${name} (${compiler.trim()}) finds ${available.join(', ')}${bfloat16 ? ', bfloat16' : ''}`,
    same ? undefined : `it should find ${JSON.stringify(wanted)}`,
  );
  if (golden.length === 0) return console.log(`left out: golden numbers, because ${values.golden} has none`);
  for (const set of available) compareGolden(name, node, set, golden);
}

function compareGolden(name, node, set, golden) {
  const began = Date.now();
  const { verdicts, error } = reportOf(node, name, golden, { DND_CPU_ISA: set });
  const sentence = `${name} gives the golden numbers on ${set}`;
  if (error) return report(sentence, error);
  const compared = verdicts.flatMap(({ checks }) => checks).filter(({ skipped }) => !skipped);
  // LoRAs that AdamW has trained for several steps differ most; all else is told beside them.
  const largest = (checks) =>
    Math.max(...checks.map(({ relativeError }) => relativeError ?? Number.POSITIVE_INFINITY)).toExponential(1);
  const isTrained = ({ name }) => name.startsWith('trained.');
  const wrong = verdicts
    .filter(({ ok }) => !ok)
    .map(({ file, checks, error }) => `${file}: ${error?.message ?? checks.find(({ ok }) => ok === false)?.name}`);
  const seconds = ((Date.now() - began) / 1000).toFixed(0);
  report(
    `${sentence}: ${compared.length} numbers, largest relative error ${largest(compared)}, of what is not trained ` +
      `${largest(compared.filter((check) => !isTrained(check)))}, ${seconds} s`,
    wrong.length > 0 ? wrong.join(', ') : compared.length === 0 ? 'nothing was compared' : undefined,
  );
}

/** What scripts/prebuilds/report.cjs writes, in this Node with the addon of this platform; `error` where that fails. */
function reportOf(node, name, golden = [], environment = {}) {
  const work = mkdtempSync(join(tmpdir(), 'dnd-try-'));
  const path = join(work, 'report.json');
  try {
    const { status, signal, stderr } = spawnSync(node, [join(__dirname, 'prebuilds', 'report.cjs'), path, ...golden], {
      env: { ...process.env, DND_ADDON: fileOf(name), DND_CACHE: work, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    });
    if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
    return { error: stderr.trim() || `Node ended with ${signal ?? status}` };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @param {string | undefined} problem */
function report(sentence, problem) {
  if (problem === undefined) passed++;
  else failed++;
  console.log(problem === undefined ? `ok   ${sentence}` : `FAIL ${sentence}: ${problem}`);
}
