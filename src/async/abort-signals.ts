import { onAbort } from './on-abort.js';

/** Settles as `promise` does, or rejects with `signal.reason` if that comes first. The work itself is not stopped. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    promise.then(resolve, reject).finally(onAbort(signal, stop));
  });
}

/**
 * Runs `work` with a signal that aborts when any of `signals` does, and removes its listeners afterwards.
 * (`AbortSignal.any` is missing in Node 20.0, and in Node 20 a long-lived signal never releases those made from it.)
 */
export async function withSignals<T>(
  signals: readonly (AbortSignal | undefined)[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const releases: (() => void)[] = [];
  for (const signal of signals) {
    if (!signal) continue;
    const stop = () => controller.abort(signal.reason);
    if (signal.aborted) stop();
    releases.push(onAbort(signal, stop));
  }
  try {
    controller.signal.throwIfAborted();
    return await work(controller.signal);
  } finally {
    for (const release of releases) release();
  }
}
