// How fast a kernel can be on a device, from its machine code: each unit of a multiprocessor is given the work of all
// warps that are there at once, and the busiest one sets the time. docs/gpu/machine-code.md states the same in words.

const SCHEDULERS = 4; // each begins one instruction of a warp per clock
const SHARED_BYTES = 128; // per clock, either way
const CACHE_BYTES = 40; // of the second-level cache, to a multiprocessor per clock, while all ask
const MEMORY_LATENCY_SECONDS = 700e-9;

/**
 * @typedef {object} Device of native/plan/cuda_rates.h, in its units
 * @property {string} name
 * @property {number} multiprocessors
 * @property {number} clockHertz
 * @property {number} bytesPerSecond
 * @property {number} halfFlopPerSecond
 * @property {number} floatFlopPerSecond
 * @property {number} matrixFraction of halfFlopPerSecond that mma.sync reaches
 */

/** Kernels whose instructions are mostly fused multiply-adds are products: they read what others have read before. */
const FUSED_SHARE_OF_PRODUCTS = 0.4;

/** @returns {'matrix' | 'float' | 'memory'} what a kernel with such a loop should be limited by */
exports.kindOf = kindOf;

function kindOf({ matrixFlop, counts, instructions }) {
  if (matrixFlop > 0) return 'matrix';
  return (counts.FFMA ?? 0) >= FUSED_SHARE_OF_PRODUCTS * instructions ? 'float' : 'memory';
}

/**
 * One pass of a main loop, or of a kernel without one, by all warps of a multiprocessor.
 * @param {Device} device
 * @param {import('./main-loop.cjs').Work} work
 * @param {number} warps that a multiprocessor holds
 * @returns {{ limit: string, kind: 'matrix' | 'float' | 'memory', fraction?: number }} the unit that sets the time, and
 *   the fraction of the published rate of its kind; none where it moves nothing
 */
exports.predict = function predict(device, work, warps) {
  const kind = kindOf(work);
  const perClock = 1 / device.multiprocessors / device.clockHertz;
  const matrixFlop = device.halfFlopPerSecond * perClock;
  const floatFlop = device.floatFlopPerSecond * perClock;
  const memoryBytes = device.bytesPerSecond * perClock;
  const floats = ['FFMA', 'FMUL', 'FADD'].reduce((sum, name) => sum + (work.counts[name] ?? 0), 0);
  const globalBytes = 32 * warps * (work.loadedBytes + work.storedBytes);
  const streams = kind === 'memory';
  const clocks = {
    'instruction issue': (warps * work.instructions) / SCHEDULERS,
    'tensor cores': (32 * warps * work.matrixFlop) / (matrixFlop * device.matrixFraction),
    // A multiply or an add takes the unit as long as both.
    'FP32 units': (warps * floats * 64) / floatFlop,
    'shared memory': (32 * warps * work.sharedBytes) / SHARED_BYTES,
    'L2 cache': globalBytes / CACHE_BYTES,
    memory: streams ? globalBytes / memoryBytes : 0,
    latency: streams && work.loadedBytes > 0 ? MEMORY_LATENCY_SECONDS * device.clockHertz : 0,
  };
  const [limit, longest] = Object.entries(clocks).reduce((most, one) => (one[1] > most[1] ? one : most));
  const ideal = {
    matrix: (32 * warps * work.matrixFlop) / matrixFlop,
    float: (32 * warps * work.flop) / floatFlop,
    memory: globalBytes / memoryBytes,
  }[kind];
  return { limit, kind, fraction: ideal > 0 ? ideal / longest : undefined };
};
