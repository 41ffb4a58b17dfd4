// Builds a prebuilt addon again, as if on another machine, and compares it with the one in prebuilds/.
const { spawnSync } = require('node:child_process');
const { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const ROOT = join(__dirname, '..', '..');
const SOURCES = ['CMakeLists.txt', 'bindings', 'cmake', 'cuda', 'native', 'package.json', 'scripts'];
const PACKAGES = ['cmake-js/package.json', 'node-addon-api', 'node-api-headers'];

/**
 * A copy of the sources in a folder whose path has another length, without a cache of compilers, with a C++ library that zig
 * builds anew: what may leave a trace in a binary differs.
 * @param {string[]} names of targets.json, all built before
 * @returns {{ name: string, difference: string | undefined }[]}
 */
exports.reproduce = function reproduce(names, targets) {
  const work = mkdtempSync(join(tmpdir(), 'dnd-again-'));
  try {
    const copy = join(work, 'another', 'folder', 'of-the-same-sources');
    for (const path of SOURCES) cpSync(join(ROOT, path), join(copy, path), { recursive: true });
    for (const path of PACKAGES)
      cpSync(join(ROOT, 'node_modules', path), join(copy, 'node_modules', path), { recursive: true });
    const { CMAKE_CXX_COMPILER_LAUNCHER: _, ...environment } = process.env;
    mkdirSync(join(work, 'zig'));
    return names.map((name) => {
      const { status } = spawnSync(process.execPath, [join(copy, 'scripts', 'prebuild.cjs'), name], {
        env: { ...environment, CCACHE_DISABLE: '1', ZIG_GLOBAL_CACHE_DIR: join(work, 'zig') },
        stdio: 'inherit',
      });
      if (status !== 0) return { name, difference: 'the second build failed' };
      const file = join('prebuilds', targets[name].file);
      return { name, difference: differenceOf(join(ROOT, file), join(copy, file)) };
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
};

/** Undefined for files with the same bytes. */
function differenceOf(first, second) {
  if (!existsSync(first)) return `${first} is not there`;
  const [a, b] = [readFileSync(first), readFileSync(second)];
  if (a.equals(b)) return undefined;
  if (a.length !== b.length) return `${a.length} and ${b.length} bytes`;
  const places = [...a.keys()].filter((i) => a[i] !== b[i]);
  return `${places.length} of ${a.length} bytes differ, the first at 0x${places[0].toString(16)}`;
}
