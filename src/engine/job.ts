import { onAbort } from '../async/index.js';
import { callNative, nativeError } from './errors.js';
import type { Done, Job } from './native.js';

/** Options to stop and monitor long work. */
export interface JobOptions {
  /** Stops the work at its next tile; the promise then rejects with `signal.reason`, and the work's memory is free. */
  signal?: AbortSignal | undefined;
  /** Called with the growing fraction done, at most 20 times a second; last with 1, when the work has succeeded. */
  onProgress?: ((fraction: number) => void) | undefined;
}

const PROGRESS_INTERVAL_MS = 50;

/**
 * Runs a native job to its end. The promise settles only after the native thread has released everything, so that the
 * memory is free again even after a rejection.
 */
export async function runJob<T>(start: (done: Done<T>) => Job, options: JobOptions = {}): Promise<T> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const progress = new ProgressReporter(onProgress);
  let timer: NodeJS.Timeout | undefined;
  let release: (() => void) | undefined;
  try {
    const result = await new Promise<T>((resolve, reject) => {
      const job = callNative(() =>
        start((failure, value) => (failure === undefined ? resolve(value) : reject(nativeError(failure)))),
      );
      if (signal) release = onAbort(signal, () => job.cancel());
      if (onProgress) {
        timer = setInterval(() => {
          // Rounding may reach 1 early; 1 is reported only once the work has succeeded.
          const fraction = job.progress();
          if (fraction < 1 && !progress.report(fraction)) job.cancel();
        }, PROGRESS_INTERVAL_MS);
      }
    });
    signal?.throwIfAborted();
    progress.report(1);
    progress.throwIfFailed();
    return result;
  } catch (error) {
    signal?.throwIfAborted();
    progress.throwIfFailed();
    throw error;
  } finally {
    clearInterval(timer);
    release?.();
  }
}

/** Calls the caller's function with growing fractions only; if it throws, the error is kept and the work stops. */
class ProgressReporter {
  #last = 0;
  #failure: { error: unknown } | undefined;

  constructor(private readonly onProgress: ((fraction: number) => void) | undefined) {}

  /** Returns false once the caller's function has thrown. */
  report(fraction: number): boolean {
    if (this.#failure) return false;
    if (!(fraction > this.#last)) return true;
    this.#last = fraction;
    try {
      this.onProgress?.(fraction);
    } catch (error) {
      this.#failure = { error };
    }
    return this.#failure === undefined;
  }

  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
