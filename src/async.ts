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

/** Passes at most about 20 reports a second on to `onProgress`, and the last one (1) always. */
export function steadyProgress(
  onProgress: ((fraction: number) => void) | undefined,
  intervalMs = 50,
): (fraction: number) => void {
  if (!onProgress) return () => {};
  let nextAt = 0;
  return (fraction) => {
    const now = performance.now();
    if (fraction < 1 && now < nextAt) return;
    nextAt = now + intervalMs;
    onProgress(fraction);
  };
}

/** Settles as `promise` does, or rejects with `signal.reason` if that comes first. The work itself is not stopped. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
