// One row for each kernel: its resources and its main loop on every architecture, its launch, what it can reach.
const { demangle } = require('./cubins.cjs');
const { mainLoop, workOf } = require('./main-loop.cjs');
const { predict } = require('./model.cjs');
const { shortName } = require('./names.cjs');
const { occupancy } = require('./occupancy.cjs');

/**
 * @typedef {object} Launch as the emulated tests recorded it
 * @property {string} kernel mangled
 * @property {string} name that errors show
 * @property {number} block threads
 * @property {number} sharedBytes the most that was asked for
 */

/**
 * @param {import('./cubins.cjs').Kernel[]} kernels
 * @param {Launch[]} launches
 * @param {import('./model.cjs').Device[]} devices
 * @returns {{ kernels: object[], problems: string[] }} in the order of the names; a problem is what must not be
 */
exports.makeTable = function makeTable(kernels, launches, devices) {
  const plain = demangle([
    ...new Set([...kernels, ...launches.map(({ kernel }) => ({ name: kernel }))].map(({ name }) => name)),
  ]);
  const launched = new Map(launches.map((launch) => [shortName(plain.get(launch.kernel)), launch]));
  const rows = new Map();
  const problems = [];
  for (const kernel of kernels) {
    const name = shortName(plain.get(kernel.name));
    const launch = launched.get(name);
    const row = rows.get(name) ?? startRow(name, launch);
    rows.set(name, row);
    if (row.architectures[kernel.architecture])
      problems.push(`two kernels of ${kernel.architecture} are called ${name}`);
    row.architectures[kernel.architecture] = describe(kernel, launch, devices, problems, name);
  }
  for (const { name, launch } of rows.values()) {
    if (!launch && !isNaive(name))
      problems.push(`${name} is launched by no emulated test: its block and shared memory are not known`);
  }
  return { kernels: [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1)), problems };
};

/** Specifications, which only tests launch. */
exports.isNaive = isNaive;

function isNaive(name) {
  return /naive/.test(name);
}

function startRow(name, launch) {
  return {
    name,
    launch: launch && { name: launch.name, block: launch.block, sharedBytes: launch.sharedBytes },
    architectures: {},
  };
}

function describe({ architecture, usage, maximumThreads, instructions }, launch, devices, problems, name) {
  const spills = instructions.filter(({ operation }) => /^(LDL|STL)\b/.test(operation)).length;
  const spilled = usage.stack > 0 || usage.local > 0 || spills > 0;
  // A specification may call a function of double precision that has a frame of its own.
  if (spilled && !isNaive(name)) {
    problems.push(
      `${name} keeps values in local memory on ${architecture}: ${usage.stack} bytes of stack, ${spills} loads and stores`,
    );
  }
  const loop = mainLoop(instructions);
  const work = loop ?? workOf(instructions);
  const threads = launch?.block ?? maximumThreads;
  const result = {
    registers: usage.registers,
    staticSharedBytes: usage.shared,
    stackBytes: usage.stack,
    localInstructions: spills,
    barriers: barriers(instructions),
    instructions: workOf(instructions).instructions,
    mainLoop: loop ? { ...summary(loop), loops: loop.loops } : undefined,
    straight: loop ? undefined : summary(work),
  };
  if (threads === undefined) return result;
  const held = occupancy(architecture, {
    registers: usage.registers,
    threads,
    sharedBytes: usage.shared + (launch?.sharedBytes ?? 0),
  });
  result.occupancy = {
    blocks: held.blocks,
    warps: held.warps,
    percent: Math.round(100 * held.fraction),
    limit: held.limit,
  };
  if (held.blocks === 0) {
    // A choice of tile that a smaller device cannot hold is the plan's business, not an error of the kernel.
    return result;
  }
  const own = devices.filter((device) => device.architecture === architecture);
  if (own.length > 0) {
    result.expected = Object.fromEntries(
      own.map((device) => [device.name, percent(predict(device, work, held.warps))]),
    );
  }
  return result;
}

/** How many of the block's barriers the code names. */
function barriers(instructions) {
  const numbers = instructions
    .filter(({ operation }) => /^BAR\b/.test(operation))
    .map(({ operands }) => Number(/\b0x([0-9a-f]+)/.exec(operands)?.[1] ?? 0));
  return new Set(numbers).size;
}

function summary({ instructions, counts, flop, matrixFlop, loadedBytes, storedBytes, sharedBytes }) {
  return { instructions, counts, flop, matrixFlop, loadedBytes, storedBytes, sharedBytes };
}

function percent({ limit, kind, fraction }) {
  return { limit, kind, percent: fraction === undefined ? undefined : Math.round(100 * fraction) };
}
