// The tarball that `npm publish` would upload.
const { execFileSync } = require('node:child_process');
const { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const ROOT = join(__dirname, '..', '..');
exports.ROOT = ROOT;

const PLATFORM = join('prebuilds', `${process.platform}-${process.arch}`);

/**
 * Packs the package as it lies here: dist/ and prebuilds/ are not made first.
 * @param {string} folder where the tarball goes
 * @param {{ ownBuild?: boolean }} options ownBuild: where prebuilds/ has no binary for this machine, the addon of
 *   build/Release stands for it. That is enough to test the package here, not to publish it: it needs this system's libraries.
 * @returns {{ path: string, bytes: number, files: { path: string, size: number }[], ownBuild: boolean }}
 */
exports.makeTarball = function makeTarball(folder, { ownBuild = false } = {}) {
  if (!existsSync(join(ROOT, 'dist', 'index.js'))) throw new Error('dist/ is not there: run npm run build:typescript');
  if (!ownBuild || hasBinary()) return { ...pack(ROOT, folder), ownBuild: false };
  const staged = mkdtempSync(join(tmpdir(), 'dnd-staged-'));
  try {
    stage(staged);
    return { ...pack(staged, folder), ownBuild: true };
  } finally {
    rmSync(staged, { recursive: true });
  }
};

function hasBinary() {
  const folder = join(ROOT, PLATFORM);
  return existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.node'));
}

/** All that can be packed, and this machine's build as prebuildify would put it beside. */
function stage(folder) {
  const { files } = require(join(ROOT, 'package.json'));
  for (const name of ['package.json', 'README.md', 'LICENSE', ...files])
    if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  const build = join(ROOT, 'build', 'Release', 'dnd_lora.node');
  if (!existsSync(build)) throw new Error(`${build} is not there: run npm run build:native`);
  mkdirSync(join(folder, PLATFORM), { recursive: true });
  const target = join(folder, PLATFORM, 'dnd-lora.node');
  copyFileSync(build, target);
  chmodSync(target, 0o644);
}

function pack(from, to) {
  const parameters = ['pack', '--ignore-scripts', '--json', '--pack-destination', to];
  const answer = JSON.parse(execFileSync('npm', parameters, { cwd: from, encoding: 'utf8', maxBuffer: 1 << 26 }));
  // A list in npm 10 and 11, an object by the package's name in npm 12.
  const [packed] = Array.isArray(answer) ? answer : Object.values(answer);
  return { path: join(to, packed.filename), bytes: packed.size, files: packed.files };
}
