// Takes the machine code of every kernel out of libdnd_cuda.so, as cuobjdump of the CUDA toolkit shows it.
const { spawnSync } = require('node:child_process');
const { mkdtempSync, readdirSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { basename, join, resolve } = require('node:path');
const { parseSass } = require('./sass.cjs');

/**
 * @typedef {object} Kernel of one architecture
 * @property {string} name as the linker knows it
 * @property {string} architecture sm_80 …
 * @property {{ registers: number, stack: number, shared: number, local: number }} usage bytes, but for the registers
 * @property {number | undefined} maximumThreads of a block, where the kernel has launch bounds
 * @property {import('./sass.cjs').Instruction[]} instructions
 */

/** @returns {Kernel[]} of all architectures, in the library's order */
exports.readKernels = function readKernels(toolkit, library) {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-lora-cubins-'));
  try {
    show(toolkit, ['-xelf', 'all', resolve(library)], folder);
    return readdirSync(folder)
      .sort()
      .flatMap((name) => kernelsOfCubin(toolkit, join(folder, name)));
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/** @returns {string} as "13.5.37", or undefined where nvcc says none */
exports.compilerVersion = function compilerVersion(toolkit) {
  const { stdout } = spawnSync(join(toolkit, 'bin', 'nvcc'), ['--version'], { encoding: 'utf8' });
  return /\bV(\d+(?:\.\d+)+)/.exec(stdout ?? '')?.[1];
};

/** @returns {Map<string, string>} what each mangled name means */
exports.demangle = function demangle(names) {
  const { status, stdout, error } = spawnSync('c++filt', [], { input: `${names.join('\n')}\n`, encoding: 'utf8' });
  if (status !== 0) throw new Error(`c++filt, which comes with the compiler, failed: ${error?.message ?? status}`);
  const plain = stdout.split('\n');
  return new Map(names.map((name, index) => [name, plain[index]]));
};

function kernelsOfCubin(toolkit, cubin) {
  const architecture = /\.(sm_\d+[a-z]?)\.cubin$/.exec(basename(cubin))?.[1];
  const code = parseSass(show(toolkit, ['-sass', cubin]));
  if (code.size === 0) return [];
  const usage = parseUsage(show(toolkit, ['-res-usage', cubin]), reservedBytes(architecture));
  const threads = parseMaximumThreads(show(toolkit, ['-elf', cubin]));
  return [...code].map(([name, instructions]) => {
    if (!usage.has(name)) throw new Error(`cuobjdump tells no resources of ${name} in ${basename(cubin)}`);
    return { name, architecture, usage: usage.get(name), maximumThreads: threads.get(name), instructions };
  });
}

/** Since sm_90 the 1 KiB that every block has for the system's own use is counted to the kernel's shared memory. */
function reservedBytes(architecture) {
  return Number(/\d+/.exec(architecture)) >= 90 ? 1024 : 0;
}

/** " Function name:\n  REG:40 STACK:0 SHARED:0 LOCAL:0 CONSTANT[0]:400 …" */
function parseUsage(text, reserved) {
  const usage = new Map();
  for (const [, name, line] of text.matchAll(/^\s*Function\s+(\S+):\s*\n(.*)$/gm)) {
    const number = (key) => Number(new RegExp(`\\b${key}:(\\d+)`).exec(line)?.[1] ?? Number.NaN);
    usage.set(name, {
      registers: number('REG'),
      stack: number('STACK'),
      shared: Math.max(0, number('SHARED') - reserved),
      local: number('LOCAL'),
    });
  }
  return usage;
}

/** Launch bounds are an attribute in the section .nv.info.<kernel>: "EIATTR_MAX_THREADS … Value: 0x80 0x1 0x1". */
function parseMaximumThreads(text) {
  const threads = new Map();
  for (const section of text.split(/^\.nv\.info\./m).slice(1)) {
    const name = /^\S+/.exec(section)?.[0];
    const value = /EIATTR_MAX_THREADS[\s\S]*?Value:\s*(0x[0-9a-f]+)/.exec(section)?.[1];
    if (value) threads.set(name, Number(value));
  }
  return threads;
}

function show(toolkit, options, cwd) {
  const program = join(toolkit, 'bin', 'cuobjdump');
  const { status, stdout, stderr, error } = spawnSync(program, options, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    // cuobjdump looks for nvdisasm on the PATH.
    env: { ...process.env, PATH: `${join(toolkit, 'bin')}:${process.env.PATH}` },
  });
  if (status !== 0) throw new Error(`${program} ${options.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
