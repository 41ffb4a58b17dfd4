// What building the native engine takes from the machine: a C++20 compiler, CMake and the make that CMake drives.
// What is missing is named, with the commands that install it.
const { spawnSync } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

const CMAKE_AT_LEAST = [3, 24];

/**
 * @returns {{ missing: string[], environment: Record<string, string> }} a paragraph for each missing tool, and the
 *   environment in which CMake finds the compiler that was tried, and ninja where there is no make
 */
exports.findTools = function findTools() {
  // On Windows, CMake finds Visual Studio by itself; its compiler is not on the PATH.
  const compiler = process.platform === 'win32' ? { environment: {} } : findCompiler();
  const missing = [compiler.missing, findCmake(), process.platform === 'win32' ? undefined : findMake()];
  // cmake-js looks for ninja by itself; CMake has to be told.
  const generator = version('make') === undefined && version('ninja') !== undefined ? { CMAKE_GENERATOR: 'Ninja' } : {};
  return { missing: missing.filter(Boolean), environment: { ...compiler.environment, ...generator } };
};

/**
 * The CUDA library is built where its compiler is there already: nothing is fetched for it.
 * @returns {{ wanted: 'AUTO' | 'ON' | 'OFF', compiler?: string, missing?: string }} `missing`: a notice where the
 *   library is left out for want of a compiler
 */
exports.findCuda = function findCuda() {
  const wanted = process.env.DND_CUDA ?? 'AUTO';
  if (wanted === 'OFF' || process.platform !== 'linux') return { wanted: 'OFF' };
  const { stdout } = spawnSync('bash', [join(__dirname, 'cuda-toolkit.sh'), '--if-made'], { encoding: 'utf8' });
  const toolkit = stdout?.trim();
  if (toolkit) return { wanted, compiler: join(toolkit, 'bin', 'nvcc') };
  return {
    wanted,
    missing:
      "Without the CUDA library, because no nvcc 13 or newer was found: this build computes on the CPU. For device: 'cuda'\n" +
      'install the CUDA toolkit, or let scripts/cuda-toolkit.sh fetch its compiler, then: npm run build:native',
  };
};

function findCompiler() {
  const candidates = process.env.CXX ? [process.env.CXX] : ['c++', 'g++', 'clang++'];
  const found = candidates.filter((name) => version(name) !== undefined);
  const able = found.find(compilesCxx20);
  if (able) return { environment: { CXX: able } };
  const why =
    found.length > 0
      ? `${found.map((name) => `${name} (${version(name)})`).join(', ')} cannot compile C++20`
      : `none of ${candidates.join(', ')} was found`;
  return {
    environment: {},
    missing: paragraph(`A C++20 compiler is missing: ${why}. GCC 11 or Clang 14 or newer will do.`, {
      apt: 'g++',
      dnf: 'gcc-c++',
      brew: 'llvm   (or: xcode-select --install)',
    }),
  };
}

function compilesCxx20(compiler) {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-lora-build-'));
  try {
    const source = join(folder, 'try.cc');
    writeFileSync(
      source,
      '#include <bit>\n#include <concepts>\n#include <memory>\ntemplate <std::integral T> T twice(T x) { return x + x; }\n' +
        'int main() { return twice(std::bit_cast<int>(0.0f)); }\n',
    );
    const [program, ...flags] = compiler.split(' ');
    return spawnSync(program, [...flags, '-std=c++20', '-c', source, '-o', join(folder, 'try.o')]).status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function findCmake() {
  const found = version('cmake');
  const numbers = /(\d+)\.(\d+)/.exec(found ?? '');
  const [major, minor] = CMAKE_AT_LEAST;
  if (numbers && (Number(numbers[1]) > major || (Number(numbers[1]) === major && Number(numbers[2]) >= minor))) {
    return undefined;
  }
  return paragraph(
    `CMake ${major}.${minor} or newer is missing: ${found === undefined ? 'cmake was not found' : `found ${found}`}.`,
    { apt: 'cmake', dnf: 'cmake', brew: 'cmake' },
    `Where the system's is older: python3 -m pip install cmake`,
  );
}

function findMake() {
  if (['ninja', 'make'].some((name) => version(name) !== undefined)) return undefined;
  return paragraph('make (or ninja) is missing: CMake drives the compiler with it.', {
    apt: 'make',
    dnf: 'make',
    brew: 'make',
  });
}

/** First line of what `program --version` prints; undefined where there is no such program. */
function version(program) {
  const [name, ...flags] = program.split(' ');
  const { status, stdout } = spawnSync(name, [...flags, '--version'], { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n', 1)[0] : undefined;
}

function paragraph(sentence, packages, more) {
  return [
    sentence,
    `  Debian, Ubuntu:  sudo apt-get install ${packages.apt}`,
    `  Fedora, RHEL:    sudo dnf install ${packages.dnf}`,
    `  macOS:           brew install ${packages.brew}`,
    ...(more ? [`  ${more}`] : []),
  ].join('\n');
}
