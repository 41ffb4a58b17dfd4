// How many blocks of a kernel one multiprocessor holds: the CUDA programming guide's tables of compute capabilities.

/** Threads are counted in warps of 32, registers are handed out 256 to a warp at a time, a block takes 1 KiB besides. */
const LIMITS = {
  sm_80: { warps: 64, blocks: 32, sharedBytes: 164 * 1024, sharedBytesOfBlock: 163 * 1024 },
  sm_86: { warps: 48, blocks: 16, sharedBytes: 100 * 1024, sharedBytesOfBlock: 99 * 1024 },
  sm_89: { warps: 48, blocks: 24, sharedBytes: 100 * 1024, sharedBytesOfBlock: 99 * 1024 },
  sm_90: { warps: 64, blocks: 32, sharedBytes: 228 * 1024, sharedBytesOfBlock: 227 * 1024 },
  sm_100: { warps: 64, blocks: 32, sharedBytes: 228 * 1024, sharedBytesOfBlock: 227 * 1024 },
  sm_120: { warps: 48, blocks: 24, sharedBytes: 100 * 1024, sharedBytesOfBlock: 99 * 1024 },
};
const REGISTERS = 65536;
const REGISTER_GRAIN = 256;
const SHARED_GRAIN = 128;
const SHARED_OF_SYSTEM = 1024;

/**
 * @param {{ registers: number, threads: number, sharedBytes: number }} block shared bytes: static and dynamic together
 * @returns {{ blocks: number, warps: number, fraction: number, limit: string }} what a multiprocessor holds at once, its
 *   warps as a fraction of the most it could hold, and what sets the limit. No blocks: the kernel cannot be launched.
 */
exports.occupancy = function occupancy(architecture, { registers, threads, sharedBytes }) {
  const limits = LIMITS[architecture];
  if (!limits) throw new Error(`no limits of ${architecture} are known: add them to ${__filename}`);
  const warpsOfBlock = Math.ceil(threads / 32);
  const registersOfWarp = Math.ceil((registers * 32) / REGISTER_GRAIN) * REGISTER_GRAIN;
  // Each of the four schedulers has a quarter of the registers for its own warps.
  const warpsByRegisters = 4 * Math.floor(REGISTERS / 4 / registersOfWarp);
  const sharedOfBlock = Math.ceil((sharedBytes + SHARED_OF_SYSTEM) / SHARED_GRAIN) * SHARED_GRAIN;
  const candidates = [
    ['blocks', limits.blocks],
    ['threads', Math.floor(limits.warps / warpsOfBlock)],
    ['registers', Math.floor(warpsByRegisters / warpsOfBlock)],
    ['shared memory', sharedBytes > limits.sharedBytesOfBlock ? 0 : Math.floor(limits.sharedBytes / sharedOfBlock)],
  ];
  const [limit, blocks] = candidates.reduce((least, one) => (one[1] < least[1] ? one : least));
  const warps = blocks * warpsOfBlock;
  return { blocks, warps, fraction: warps / limits.warps, limit };
};
