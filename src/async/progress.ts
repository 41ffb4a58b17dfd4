/** Options of every long operation: it rejects with `signal.reason`, and reports the fraction done. */
export interface LongOperation {
  /** Stops the work; the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Called with the fraction done, from 0 to 1, at most about 20 times a second. */
  onProgress?: ((fraction: number) => void) | undefined;
}

/**
 * Passes at most about 20 reports a second on to `onProgress`; the first one of each stage and the last one are always
 * passed on.
 * @param last the fraction of the last report
 */
export function steadyProgress<Stage extends unknown[]>(
  onProgress: ((fraction: number, ...stage: Stage) => void) | undefined,
  intervalMs = 50,
  last = 1,
): (fraction: number, ...stage: Stage) => void {
  if (!onProgress) return () => {};
  const seen = new Set<unknown>();
  let nextAt = 0;
  return (fraction, ...stage) => {
    const now = performance.now();
    if (fraction < last && seen.has(stage[0]) && now < nextAt) return;
    seen.add(stage[0]);
    nextAt = now + intervalMs;
    onProgress(fraction, ...stage);
  };
}
