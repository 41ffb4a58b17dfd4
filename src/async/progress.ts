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
  if (onProgress === undefined) return () => {};
  let nextAt = 0;
  return (fraction) => {
    const now = performance.now();
    if (fraction < 1 && now < nextAt) return;
    nextAt = now + intervalMs;
    onProgress(fraction);
  };
}
