interface Shared {
  callbacks: Set<{ call: () => void }>;
  listener: () => void;
}

const shared = new WeakMap<AbortSignal, Shared>();

/**
 * Calls `callback` once when `signal` aborts; not if it has aborted before. All calls for one signal share one
 * listener, since Node warns of a leak from the eleventh listener on.
 * @returns a function that unregisters `callback`
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const entry = { call: callback };
  const { callbacks, listener } = shared.get(signal) ?? listen(signal);
  callbacks.add(entry);
  return () => {
    if (!callbacks.delete(entry) || callbacks.size > 0) return;
    signal.removeEventListener('abort', listener);
    shared.delete(signal);
  };
}

function listen(signal: AbortSignal): Shared {
  const callbacks: Shared['callbacks'] = new Set();
  const listener = () => {
    for (const { call } of callbacks) call();
  };
  const entry = { callbacks, listener };
  shared.set(signal, entry);
  signal.addEventListener('abort', listener, { once: true });
  return entry;
}
