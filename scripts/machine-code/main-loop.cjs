// What a kernel does over and over: the instructions of its main loop, counted, and the bytes and operations in them.
const { innermostLoops } = require('./loops.cjs');
const { kindOf } = require('./model.cjs');
const { bytesPerThread, family } = require('./sass.cjs');

/** Counted one by one; everything else only adds to all instructions. */
const COUNTED = ['HMMA', 'LDSM', 'LDGSTS', 'LDS', 'STS', 'LDG', 'STG', 'FFMA', 'FMUL', 'FADD', 'MUFU', 'SHFL', 'BAR'];

/**
 * @typedef {object} Work of one thread
 * @property {number} instructions
 * @property {Record<string, number>} counts of the instructions named above that are there at all
 * @property {number} flop of the matrix units (a thread's share of its warp's) and of FFMA, FMUL, FADD
 * @property {number} matrixFlop
 * @property {number} loadedBytes from global memory, LDGSTS too
 * @property {number} storedBytes
 * @property {number} sharedBytes both ways, LDSM and LDGSTS too
 */

/** @returns {(Work & { loops: number }) | undefined} of the main loop, and how many innermost loops there are; undefined
 *   where the kernel has none */
exports.mainLoop = function mainLoop(instructions) {
  const loops = innermostLoops(instructions).map(workOf);
  const rank = (work) => {
    const { counts, instructions: all, loadedBytes, storedBytes } = work;
    const fused = kindOf(work) === 'float' ? counts.FFMA : 0;
    return [counts.HMMA ?? 0, fused, loadedBytes + storedBytes, all];
  };
  if (loops.length === 0) return undefined;
  const best = loops.reduce((most, loop) => (compare(rank(loop), rank(most)) > 0 ? loop : most));
  return { ...best, loops: loops.length };
};

/** @returns {Work} */
exports.workOf = workOf;

function workOf(instructions) {
  const counts = {};
  const work = { instructions: 0, counts, flop: 0, matrixFlop: 0, loadedBytes: 0, storedBytes: 0, sharedBytes: 0 };
  for (const instruction of instructions) {
    const kind = family(instruction);
    if (kind === 'NOP') continue;
    work.instructions++;
    if (instruction.never) continue;
    if (COUNTED.includes(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
    const bytes = bytesPerThread(instruction);
    if (kind === 'HMMA') work.matrixFlop += matrixFlop(instruction) / 32;
    if (kind === 'FFMA') work.flop += 2;
    if (kind === 'FMUL' || kind === 'FADD') work.flop += 1;
    if (kind === 'LDG' || kind === 'LDGSTS') work.loadedBytes += bytes;
    if (kind === 'STG') work.storedBytes += bytes;
    if (['LDS', 'STS', 'LDSM', 'LDGSTS'].includes(kind)) work.sharedBytes += bytes;
  }
  work.flop += work.matrixFlop;
  return work;
}

/** HMMA.16816.F32 multiplies 16×16 by 16×8: a product and a sum for each of 16·8·16. */
function matrixFlop({ operation }) {
  const shape = /\.(16)(8)(16|8)\b/.exec(operation);
  if (!shape) throw new Error(`unknown shape of a matrix instruction: ${operation}`);
  return 2 * Number(shape[1]) * Number(shape[2]) * Number(shape[3]);
}

function compare(a, b) {
  const index = a.findIndex((value, place) => value !== b[place]);
  return index < 0 ? 0 : a[index] - b[index];
}
