// What an addon must find on a processor, by what the system says of it.

/** Features of Linux's /proc/cpuinfo that each instruction set needs, beyond those of the one before it. */
const X64 = [
  ['avx2', ['avx2', 'fma']],
  ['avx512', ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl']],
];
const X64_BFLOAT16 = 'avx512_bf16';

/**
 * @param {string} processor x64 or arm64, as Node names it
 * @param {string} information what /proc/cpuinfo says; of arm64 nothing is asked, because each has NEON
 * @returns {{ available: string[], bfloat16: boolean }} as cpuInfo() gives them
 */
exports.instructionSetsOf = function instructionSetsOf(processor, information) {
  if (processor === 'arm64') return { available: ['baseline', 'neon'], bfloat16: false };
  const flags = new Set(/^flags\s*:(.*)$/m.exec(information)[1].trim().split(/\s+/));
  const available = ['baseline'];
  for (const [name, needed] of X64) {
    if (!needed.every((flag) => flags.has(flag))) break;
    available.push(name);
  }
  return { available, bfloat16: available.includes('avx512') && flags.has(X64_BFLOAT16) };
};
