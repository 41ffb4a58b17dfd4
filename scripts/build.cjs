#!/usr/bin/env node
// Builds the package: TypeScript into dist/, the native engine into build/Release/. `npm install` in a clone comes here.
//   node scripts/build.cjs            both
//   node scripts/build.cjs --native   the engine only
const { spawnSync } = require('node:child_process');
const { chmodSync, existsSync, readFileSync, rmSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const { dirname, join } = require('node:path');
const { findTools } = require('./build-tools.cjs');

const ROOT = join(__dirname, '..');

main(process.argv.slice(2));

function main(options) {
  const unknown = options.find((option) => option !== '--native');
  if (unknown) fail(`unknown option ${unknown}; usage: node scripts/build.cjs [--native]`);
  const tools = findTools();
  if (tools.missing.length > 0) fail(tools.missing.join('\n\n'));
  if (!options.includes('--native')) buildTypeScript();
  buildEngine(tools.environment);
}

function buildTypeScript() {
  const compiler = join(packageFolder('typescript'), 'bin', 'tsc');
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  step('TypeScript', [compiler, '-p', 'tsconfig.json'], {});
  const program = join(ROOT, 'dist', 'cli', 'main.js');
  if (existsSync(program)) chmodSync(program, 0o755);
}

function buildEngine(environment) {
  dropForeignCache();
  const compiler = join(packageFolder('cmake-js'), 'bin', 'cmake-js');
  const CMAKE_BUILD_PARALLEL_LEVEL = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
  step('the native engine (a minute or two the first time)', [compiler, 'build'], {
    ...environment,
    CMAKE_BUILD_PARALLEL_LEVEL,
  });
}

/** CMake refuses to use a build folder that was made for another place, as after moving or copying a clone. */
function dropForeignCache() {
  const cache = join(ROOT, 'build', 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1];
  if (home !== ROOT.replaceAll('\\', '/')) rmSync(join(ROOT, 'build'), { recursive: true });
}

/** Runs a Node program; what it prints is shown only when it fails. */
function step(what, command, environment) {
  const began = Date.now();
  process.stdout.write(`Building ${what} … `);
  const { status, error, stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status === 0) {
    process.stdout.write(`${((Date.now() - began) / 1000).toFixed(1)} s\n`);
    return;
  }
  process.stdout.write('failed\n');
  fail(`${stdout ?? ''}\n${stderr ?? ''}\n${error?.message ?? ''}\nThe command was: node ${command.join(' ')}`);
}

function packageFolder(name) {
  try {
    return dirname(require.resolve(`${name}/package.json`));
  } catch {
    return fail(
      `The package ${name} is not installed. Building from source needs the development dependencies: run "npm install" without --omit=dev.`,
    );
  }
}

function fail(message) {
  process.stderr.write(`${message.trim()}\n`);
  process.exit(1);
}
