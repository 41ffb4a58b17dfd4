import { setMaxListeners } from 'node:events';

/** Calls `onAbort` once when the signal aborts, at once if it has; returns what takes the listener away again. */
function listen(signal: AbortSignal, onAbort: () => void): () => void {
  if (signal.aborted) onAbort();
  // Node suspects a leak from the eleventh listener on, but a signal may be given to any number of calls.
  if (signal instanceof EventTarget) setMaxListeners(0, signal);
  signal.addEventListener('abort', onAbort, { once: true });
  return () => signal.removeEventListener('abort', onAbort);
}

/** Settles as `promise` does, or rejects with `signal.reason` if that comes first. The work itself is not stopped. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise<T>((resolve, reject) => {
    const release = listen(signal, () => reject(signal.reason));
    promise.then(resolve, reject).finally(release);
  });
}

/**
 * Runs `work` with a signal that aborts when any of `signals` does, and lets go of them afterwards.
 * (`AbortSignal.any` came after Node 20.0, and in Node 20 a long-lived signal never forgets those made from it.)
 */
export async function withSignals<T>(
  signals: readonly (AbortSignal | undefined)[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const releases: (() => void)[] = [];
  for (const signal of signals) if (signal) releases.push(listen(signal, () => controller.abort(signal.reason)));
  try {
    controller.signal.throwIfAborted();
    return await work(controller.signal);
  } finally {
    for (const release of releases) release();
  }
}
