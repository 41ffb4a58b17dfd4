import { cpuInfo } from './addon.js';

let warned = false;

/**
 * Warns once about more threads than CPUs: they wait for each other, and the work takes several times as long. Results
 * do not depend on the number of threads.
 * @param threads 0: the default, which `DND_THREADS` may set
 */
export function warnOfThreads(threads: number): void {
  if (warned) return;
  const { usableCpus, defaultThreads } = cpuInfo();
  const wanted = threads || defaultThreads;
  if (wanted <= usableCpus) return;
  warned = true;
  process.emitWarning(
    `threads: more than this process has CPUs, which slows the work down; expected at most ${usableCpus}, got ${wanted}. ` +
      'Lower threads (--threads, DND_THREADS), or leave it out',
    { code: 'DND_THREADS' },
  );
}
