/**
 * For loops over much data on the JavaScript thread: `await yieldToEventLoop()` every so often lets timers and I/O run.
 * The function resolves at once while the current slice of `sliceMs` lasts; after that on the next turn of the event
 * loop, and a new slice begins.
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
