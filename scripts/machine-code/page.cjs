// The table of docs/gpu/machine-code.md.
const { isNaive } = require('./table.cjs');

/** @param {{ compiler: string, architectures: string[], devices: object[], kernels: object[] }} table */
exports.renderPage = function renderPage({ compiler, architectures, devices, kernels }) {
  const fast = kernels.filter(({ name }) => !isNaive(name));
  const naive = kernels.filter(({ name }) => isNaive(name));
  return [
    '# Machine code of the CUDA kernels',
    '',
    '<!-- Made by scripts/inspect-machine-code.cjs out of libdnd_cuda.so; do not edit. -->',
    '',
    `nvcc ${compiler}. Nothing here was measured: it is read from the machine code (\`cuobjdump\`), the launches are those`,
    'that the emulated tests recorded. CI fails where a kernel keeps values in local memory (a spill), and where this',
    'table is not that of the code.',
    '',
    '## Resources',
    '',
    'Registers of a thread on each architecture; threads and dynamic shared memory of a block (the most that a test asked',
    'for); blocks that a multiprocessor holds, and in brackets the percentage of its warps. `–`: a block does not fit',
    'there, and the plan does not choose it.',
    '',
    ...resources(fast, architectures),
    '',
    '## Main loops',
    '',
    'Instructions of a warp in one round of the innermost loop with most matrix (else float) instructions; `no loop`: of',
    'the whole kernel, where it is straight-line code. HMMA multiplies matrices, LDSM loads them from shared memory,',
    'LDGSTS copies from global to shared memory asynchronously.',
    '',
    ...['sm_80', 'sm_90']
      .filter((name) => architectures.includes(name))
      .flatMap((name) => [`### ${name}`, '', ...loops(fast, name), '']),
    '## What they can reach',
    '',
    ...explanation(devices),
    '',
    ...expectations(fast, devices),
    '',
    '## Specifications',
    '',
    'Naive kernels state what the others compute and are what tests compare them with; only tests launch them.',
    '',
    ...resources(naive, architectures),
    '',
  ].join('\n');
};

function resources(kernels, architectures) {
  const head = [
    'kernel',
    'block',
    'shared',
    ...architectures.map((name) => `${name} registers`),
    ...architectures.map((name) => `${name} blocks`),
  ];
  return table(
    head,
    kernels.map(({ name, launch, architectures: codes }) => [
      code(name),
      launch?.block ?? '?',
      launch === undefined ? '?' : bytes(launch.sharedBytes),
      ...architectures.map((one) => codes[one]?.registers ?? ''),
      ...architectures.map((one) => blocks(codes[one]?.occupancy)),
    ]),
  );
}

function blocks(occupancy) {
  if (!occupancy) return '?';
  return occupancy.blocks === 0 ? '–' : `${occupancy.blocks} (${occupancy.percent})`;
}

const COLUMNS = ['HMMA', 'LDSM', 'LDGSTS', 'LDS', 'STS', 'LDG', 'STG', 'FFMA', 'FMUL', 'FADD', 'MUFU', 'SHFL', 'BAR'];

function loops(kernels, architecture) {
  return table(
    ['kernel', 'in', 'all', ...COLUMNS, 'flop/thread', 'bytes read', 'bytes written'],
    kernels.map(({ name, architectures }) => {
      const { mainLoop, straight } = architectures[architecture];
      const work = mainLoop ?? straight;
      return [
        code(name),
        mainLoop ? 'loop' : 'no loop',
        work.instructions,
        ...COLUMNS.map((kind) => work.counts[kind] ?? ''),
        work.flop || '',
        work.loadedBytes || '',
        work.storedBytes || '',
      ];
    }),
  );
}

function expectations(kernels, devices) {
  const rows = kernels
    .filter(({ architectures }) => Object.values(architectures).some(({ expected }) => expected))
    .map(({ name, architectures }) => [
      code(name),
      ...devices.map((device) => expectation(architectures[device.architecture], device)),
    ]);
  return table(['kernel', ...devices.map(({ name }) => name)], rows);
}

function expectation(described, device) {
  const expected = described?.expected?.[device.name];
  if (!expected) return '';
  const { kind, percent, limit } = expected;
  if (percent === undefined) return limit;
  // A kernel that streams does its other work in loops that this one says nothing of.
  const partial = kind === 'memory' && (described.mainLoop?.loops ?? 0) > 1;
  return `${partial ? 'at most ' : ''}${percent} % ${kind}, ${limit}`;
}

function explanation(devices) {
  return [
    'The percentage of a device’s published rate, and the unit that sets it: of the matrix units for kernels with HMMA, of',
    'the float units for those whose loop is mostly FFMA, of memory for all others. One round of the main loop is done by',
    'all warps that a multiprocessor holds; each unit is given its part of the work, and the busiest sets the time: 4',
    'instructions begun per clock; 128 bytes of shared memory and 40 bytes from the second-level cache per clock; matrix,',
    'float and memory rates of `native/plan/cuda_rates.cc`, matrix units at what mma.sync reaches of them',
    `(${devices.map(({ name, matrixFraction }) => `${name} ${matrixFraction}`).join(', ')}).`,
    'Products read what other blocks have read, stages ahead. For the others every load counts as one from memory, and a',
    'round lasts at least the 700 ns of its latency; “at most” where there are further loops, as the passes of a transform:',
    'only the loop that moves most is counted. Left out: bank conflicts (layouts have tests of their own), the last',
    'wave of blocks, what comes before and after the loop.',
  ];
}

function table(head, rows) {
  return [
    `| ${head.join(' | ')} |`,
    `|${head.map((_, index) => (index === 0 ? '---' : '--:')).join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ];
}

function code(name) {
  return `\`${name.replaceAll('|', '\\|')}\``;
}

function bytes(count) {
  return count === 0 ? '0' : count % 1024 === 0 ? `${count / 1024} KiB` : `${count}`;
}
