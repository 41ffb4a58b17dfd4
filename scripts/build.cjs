#!/usr/bin/env node
// Builds the package: TypeScript into dist/, the native engine into build/Release/. `npm install` in a clone comes here.
//   node scripts/build.cjs            both
//   node scripts/build.cjs --native   the engine only
//   node scripts/build.cjs --emulated-cuda   what npm test needs: the CUDA backend on an emulated device
// With nvcc 13 or newer there, the CUDA library is built too; DND_CUDA=ON insists on it, DND_CUDA=OFF leaves it out.
const { spawnSync } = require('node:child_process');
const { chmodSync, existsSync, readFileSync, rmSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const { dirname, join } = require('node:path');
const { findCuda, findTools } = require('./build-tools.cjs');

const ROOT = join(__dirname, '..');

main(process.argv.slice(2));

function main(options) {
  const unknown = options.find((option) => !['--native', '--emulated-cuda'].includes(option));
  if (unknown) fail(`unknown option ${unknown}; usage: node scripts/build.cjs [--native | --emulated-cuda]`);
  const tools = findTools();
  if (tools.missing.length > 0) fail(tools.missing.join('\n\n'));
  if (options.includes('--emulated-cuda')) return buildEmulatedCuda(tools.environment);
  if (!options.includes('--native')) buildTypeScript();
  buildEngine(tools.environment);
}

function buildTypeScript() {
  const compiler = join(packageFolder('typescript'), 'bin', 'tsc');
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true });
  step('TypeScript', [process.execPath, compiler, '-p', 'tsconfig.json'], {});
  const program = join(ROOT, 'dist', 'cli', 'main.js');
  if (existsSync(program)) chmodSync(program, 0o755);
}

function buildEngine(environment) {
  const cuda = findCuda();
  dropForeignCache(cuda);
  const compiler = join(packageFolder('cmake-js'), 'bin', 'cmake-js');
  const what = cuda.compiler
    ? 'the native engine and the CUDA library (a few minutes the first time)'
    : 'the native engine (a minute or two the first time)';
  step(what, [process.execPath, compiler, 'build', `--CDDND_CUDA=${cuda.wanted}`], {
    ...environment,
    ...(cuda.compiler ? { CUDACXX: cuda.compiler } : {}),
  });
  if (!cuda.compiler) rmSync(join(ROOT, 'build', 'Release', 'libdnd_cuda.so'), { force: true });
  if (cuda.missing) process.stdout.write(`${cuda.missing}\n`);
}

/** In the folder of scripts/test-native.sh and scripts/test-cuda.sh, and as they do it. */
function buildEmulatedCuda(environment) {
  // On Windows its tests are skipped, by name.
  if (process.platform === 'win32' || process.env.DND_EMULATED_CUDA_LIBRARY) return;
  const folder = join(ROOT, 'build-native', 'plain');
  if (isForeign(folder)) rmSync(folder, { recursive: true });
  const settings = ['-DCMAKE_BUILD_TYPE=Release', '-DDND_CUDA_TESTS=ON'];
  step('the settings of the emulated CUDA device', ['cmake', '-S', ROOT, '-B', folder, ...settings], environment);
  const target = ['--target', 'dnd_cuda_emulated'];
  step('the emulated CUDA device (a few minutes the first time)', ['cmake', '--build', folder, ...target], {});
}

/**
 * CMake refuses to use a build folder that was made for another place, as after moving or copying a clone; and cmake-js
 * passes no settings on where a cache is there, so that one made with another choice of CUDA has to go.
 */
function dropForeignCache(cuda) {
  const cache = join(ROOT, 'build', 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  const compiler = cached(cache, 'CMAKE_CUDA_COMPILER')?.replace(/.*-NOTFOUND$/, '') || undefined;
  if (isForeign(join(ROOT, 'build'))) rmSync(join(ROOT, 'build'), { recursive: true });
  else if (cached(cache, 'DND_CUDA') !== cuda.wanted || compiler !== cuda.compiler) rmSync(cache);
}

function isForeign(folder) {
  const cache = join(folder, 'CMakeCache.txt');
  return existsSync(cache) && cached(cache, 'CMAKE_HOME_DIRECTORY') !== ROOT.replaceAll('\\', '/');
}

/** A value out of CMake's cache. */
function cached(cache, name) {
  return new RegExp(`^${name}:[A-Z]+=(.*)$`, 'm').exec(readFileSync(cache, 'utf8'))?.[1];
}

/** Runs a program; what it prints is shown only when it fails. */
function step(what, [program, ...parameters], environment) {
  const began = Date.now();
  process.stdout.write(`Building ${what} … `);
  const { status, error, stdout, stderr } = spawnSync(program, parameters, {
    cwd: ROOT,
    env: { CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()), ...process.env, ...environment },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status === 0) {
    process.stdout.write(`${((Date.now() - began) / 1000).toFixed(1)} s\n`);
    return;
  }
  process.stdout.write('failed\n');
  fail(
    `${stdout ?? ''}\n${stderr ?? ''}\n${error?.message ?? ''}\nThe command was: ${[program, ...parameters].join(' ')}`,
  );
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
