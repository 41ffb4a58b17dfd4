#!/usr/bin/env node
// Builds the addon for the platforms of scripts/prebuilds/targets.json into prebuilds/, on any x86-64 Linux: zig brings a
// compiler, linkers, C libraries and headers of all of them. Nothing of the building machine is in them.
//   node scripts/prebuild.cjs               every platform, one after the other
//   node scripts/prebuild.cjs linux-x64 …   these
//   node scripts/prebuild.cjs --twice …     and again in another folder, without caches: fails unless the bytes are the same
// CMAKE_BUILD_PARALLEL_LEVEL: processes at a time (default: one per core). With
// CMAKE_CXX_COMPILER_LAUNCHER=ccache what was compiled before is reused. scripts/check-prebuilds.sh inspects the result.
const { spawnSync } = require('node:child_process');
const { copyFileSync, mkdirSync, rmSync, statSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const { dirname, join, relative } = require('node:path');
const { reproduce } = require('./prebuilds/reproduce.cjs');
const { toolchain } = require('./prebuilds/settings.cjs');
const TARGETS = require('./prebuilds/targets.json');

const ROOT = join(__dirname, '..');

main(process.argv.slice(2));

function main(options) {
  const chosen = options.filter((option) => option !== '--twice');
  const known = Object.keys(TARGETS);
  const unknown = chosen.find((name) => !known.includes(name));
  if (unknown) fail(`unknown platform ${unknown}; there are: ${known.join(' ')}`);
  const tools = run('bash', [join(__dirname, 'prebuilds', 'tools.sh')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
  const names = chosen.length > 0 ? chosen : known;
  for (const name of names) build(name, tools);
  if (options.length > chosen.length) buildAgain(names);
}

function buildAgain(names) {
  const results = reproduce(names, TARGETS);
  for (const { name, difference } of results)
    process.stdout.write(`${name}: ${difference ?? 'two builds, the same bytes'}\n`);
  if (results.some(({ difference }) => difference !== undefined)) process.exitCode = 1;
}

function build(name, tools) {
  const target = TARGETS[name];
  const began = Date.now();
  process.stdout.write(`Building ${name} … `);
  const folder = join(ROOT, 'build-prebuilds', name);
  // CMake keeps the settings of a toolchain file for good.
  rmSync(join(folder, 'CMakeCache.txt'), { force: true });
  mkdirSync(folder, { recursive: true });
  const environment = { ...process.env, ZIG_LOCAL_CACHE_DIR: join(folder, 'zig') };
  run('cmake', ['-S', ROOT, '-B', folder, ...settings(target, tools, folder)], { env: environment });
  const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
  run('cmake', ['--build', folder, '--parallel', jobs, '--target', 'dnd_lora'], { env: environment });
  const file = join(ROOT, 'prebuilds', target.file);
  mkdirSync(dirname(file), { recursive: true });
  copyFileSync(join(folder, 'dnd_lora.node'), file);
  const megabytes = (statSync(file).size / 1e6).toFixed(1);
  const seconds = ((Date.now() - began) / 1000).toFixed(0);
  process.stdout.write(`${relative(ROOT, file)}, ${megabytes} MB, ${seconds} s\n`);
}

/** What cmake-js passes, and the toolchain. */
function settings(target, tools, folder) {
  const headers = [require('node-api-headers').include_dir, dirname(require.resolve('node-addon-api/package.json'))];
  return [
    ...toolchain(target, tools),
    `-DCMAKE_JS_VERSION=${require('cmake-js/package.json').version}`,
    `-DCMAKE_JS_INC=${headers.join(';')}`,
    `-DCMAKE_JS_LIB=${target.system === 'Windows' ? importLibrary(tools, folder) : ''}`,
    '-DDND_CUDA=OFF',
  ];
}

/** On Windows functions are imported from a module by name: Node-API's from node.exe. */
function importLibrary(tools, folder) {
  const library = join(folder, 'node.lib');
  const definitions = require('node-api-headers').def_paths.node_api_def;
  run(join(tools, 'zig-dlltool'), ['-m', 'i386:x86-64', '-D', 'node.exe', '-d', definitions, '-l', library]);
  return library;
}

/** What a program prints is shown only when it fails. */
function run(program, parameters, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(program, parameters, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...options,
  });
  if (status === 0) return stdout;
  const output = [stdout, stderr, error?.message].filter(Boolean).join('\n');
  return fail(`failed\n${output}\nThe command was: ${[program, ...parameters].join(' ')}`);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
