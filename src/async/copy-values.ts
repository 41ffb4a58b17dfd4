import { eventLoopYielder } from './event-loop.js';

/** Copying this many values takes about a millisecond. */
const SLICE = 2 ** 19;

/**
 * Makes a function that copies `from` into elements [offset, offset + size) of `to`, in slices that yield to the event
 * loop, and fills the rest of `size` with zeros. It rejects with `signal.reason`.
 */
export function valueCopier(signal: AbortSignal | undefined) {
  const yieldToEventLoop = eventLoopYielder();
  return async (from: Float32Array, to: Float32Array, offset: number, size = from.length): Promise<void> => {
    for (let start = 0; start < size; start += SLICE) {
      const end = Math.min(start + SLICE, size);
      const copied = Math.min(end, from.length);
      if (copied > start) to.set(from.subarray(start, copied), offset + start);
      if (end > copied) to.fill(0, offset + Math.max(start, copied), offset + end);
      await yieldToEventLoop();
      signal?.throwIfAborted();
    }
  };
}
