#!/usr/bin/env node
// Puts a CUDA library into packages/cuda-linux-x64, which is then ready for `npm pack`.
//   node scripts/release/cuda-package.cjs [LIBRARY]      default: build/Release/libdnd_cuda.so
// Fails for a library that could not be used: scripts/check-cuda-library.sh says what must hold of it. `git` ignores it.
const { spawnSync } = require('node:child_process');
const { chmodSync, copyFileSync, existsSync, readFileSync, statSync } = require('node:fs');
const { join, resolve } = require('node:path');

const ROOT = join(__dirname, '..', '..');
const TARGET = join(ROOT, 'packages', 'cuda-linux-x64');
const versionIn = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;

main(resolve(process.argv[2] ?? join(ROOT, 'build', 'Release', 'libdnd_cuda.so')));

function main(library) {
  if (!existsSync(library)) fail(`${library} is not there: build it with DND_CUDA=ON npm run build:native`);
  if (versionIn(TARGET) !== versionIn(ROOT))
    fail(`the package is ${versionIn(TARGET)}, and dnd-lora ${versionIn(ROOT)}: both are released in one version`);
  const check = spawnSync('bash', [join(ROOT, 'scripts', 'check-cuda-library.sh'), library], { stdio: 'inherit' });
  if (check.status !== 0) fail(`${library} is not fit to be published`);
  const path = join(TARGET, 'libdnd_cuda.so');
  copyFileSync(library, path);
  chmodSync(path, 0o644);
  console.log(`${path}: ${(statSync(path).size / 1e6).toFixed(1)} MB`);
}

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}
