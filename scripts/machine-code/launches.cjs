// The launches that the emulated tests recorded: which kernel, with how many threads and how much shared memory.
const { spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');

/**
 * @param {string} file a line of JSON for each kernel and process: {"file", "offset", "name", "block", "sharedBytes"}
 * @returns {import('./table.cjs').Launch[]} one for each kernel: its largest block and most shared memory
 */
exports.readLaunches = function readLaunches(file) {
  const launches = new Map();
  const symbols = new Map();
  for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
    const { file: library, offset, name, block, sharedBytes } = JSON.parse(line);
    if (!symbols.has(library)) symbols.set(library, readSymbols(library));
    const kernel = symbols.get(library).get(offset);
    if (kernel === undefined)
      throw new Error(`${library} has no function at ${offset}: was it built again since ${file}?`);
    const known = launches.get(kernel) ?? { block: 0, sharedBytes: 0 };
    launches.set(kernel, {
      kernel,
      name,
      block: Math.max(known.block, block),
      sharedBytes: Math.max(known.sharedBytes, sharedBytes),
    });
  }
  return [...launches.values()];
};

/** @returns {Map<number, string>} a library's functions by their places */
function readSymbols(library) {
  const { status, stdout, stderr, error } = spawnSync('nm', ['--defined-only', library], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  if (status !== 0) throw new Error(`nm ${library}: ${error?.message ?? stderr}`);
  const lines = [...stdout.matchAll(/^([0-9a-f]+) [tTwW] (\S+)$/gm)];
  return new Map(lines.map(([, address, name]) => [Number.parseInt(address, 16), name]));
}
