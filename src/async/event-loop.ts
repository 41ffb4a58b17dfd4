/**
 * For loops over much data on the JavaScript thread: `await yieldToEventLoop()` every so often lets timers and I/O run.
 * The function resolves at once within a slice of `sliceMs`; after it, on the next iteration of the event loop, where a
 * new slice starts.
 */
export function eventLoopYielder(sliceMs = 4): () => Promise<void> {
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
