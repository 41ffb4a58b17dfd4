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

/**
 * One pass of a main loop, or of a kernel without one, by all warps of a multiprocessor.
 * @param {Device} device
 * @param {import('./main-loop.cjs').Work} work
 * @param {number} warps that a multiprocessor holds
 * @returns {{ limit: string, ofMatrixPeak?: number, ofMemoryBandwidth?: number }} the unit that sets the time; the
 *   fraction of the published matrix rate where the kernel multiplies matrices, else of the published bandwidth
 */
exports.predict = function predict(device, work, warps) {
  const perClock = 1 / device.multiprocessors / device.clockHertz;
  const matrixFlop = device.halfFlopPerSecond * perClock;
  const floatFlop = device.floatFlopPerSecond * perClock;
  const memoryBytes = device.bytesPerSecond * perClock;
  const floats = ['FFMA', 'FMUL', 'FADD'].reduce((sum, kind) => sum + (work.counts[kind] ?? 0), 0);
  const globalBytes = 32 * warps * (work.loadedBytes + work.storedBytes);
  const multiplies = work.matrixFlop > 0;
  const clocks = {
    'begun instructions': (warps * work.instructions) / SCHEDULERS,
    'matrix units': (32 * warps * work.matrixFlop) / (matrixFlop * device.matrixFraction),
    // A multiply or an add takes the unit as long as both.
    'float units': (warps * floats * 64) / floatFlop,
    'shared memory': (32 * warps * work.sharedBytes) / SHARED_BYTES,
    'second-level cache': globalBytes / CACHE_BYTES,
    // What a matrix product reads was mostly read by another block before, and is asked for stages ahead.
    memory: multiplies ? 0 : globalBytes / memoryBytes,
    latency: multiplies || work.loadedBytes === 0 ? 0 : MEMORY_LATENCY_SECONDS * device.clockHertz,
  };
  const [limit, longest] = Object.entries(clocks).reduce((most, one) => (one[1] > most[1] ? one : most));
  if (multiplies) return { limit, ofMatrixPeak: (32 * warps * work.matrixFlop) / matrixFlop / longest };
  if (globalBytes > 0) return { limit, ofMemoryBandwidth: globalBytes / memoryBytes / longest };
  return { limit };
};
