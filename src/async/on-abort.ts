interface Shared {
  callbacks: Set<{ call: () => void }>;
  listener: () => void;
}

const shared = new WeakMap<AbortSignal, Shared>();

/**
 * Calls `callback` once when `signal` aborts; not at all where it has aborted before. However many calls have one signal in
 * common, they share one listener: from the eleventh on Node would warn of a leak.
 * @returns a function after which `callback` is not called any more
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
