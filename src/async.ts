import { onAbort } from './on-abort.js';

/**
 * For loops over much data on the JavaScript thread: `await breathe()` every so often keeps the event loop turning.
 * Resolves at once while the current slice of `sliceMs` lasts; after that on the next turn, and a new slice begins.
 */
export function breather(sliceMs = 4): () => Promise<void> {
  const atOnce = Promise.resolve();
  let sliceEnd = performance.now() + sliceMs;
  return () => {
    if (performance.now() < sliceEnd) return atOnce;
    return new Promise((resolve) => {
      setImmediate(() => {
        sliceEnd = performance.now() + sliceMs;
        resolve();
      });
    });
  };
}

/** Shared by every operation that may take a while: it rejects with `signal.reason`, and reports the fraction done. */
export interface LongOperation {
  signal?: AbortSignal | undefined;
  onProgress?: ((fraction: number) => void) | undefined;
}

/**
 * Passes at most about 20 reports a second on to `onProgress`; beside these always the first one of each stage, and the
 * last one.
 * @param last the fraction of the last report
 */
export function steadyProgress<Stage extends unknown[]>(
  onProgress: ((fraction: number, ...stage: Stage) => void) | undefined,
  intervalMs = 50,
  last = 1,
): (fraction: number, ...stage: Stage) => void {
  if (onProgress === undefined) return () => {};
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

/** Settles as `promise` does, or rejects with `signal.reason` if that comes first. The work itself is not stopped. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) return stop();
    promise.then(resolve, reject).finally(onAbort(signal, stop));
  });
}
