import { eventLoopYielder } from './event-loop.js';

/**
 * The ranges [start, end) of the slices of `length` elements, with time for the event loop between them.
 * @throws `signal.reason`
 */
export async function* slices(
  length: number,
  size: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<[start: number, end: number], void> {
  const yieldToEventLoop = eventLoopYielder();
  for (let start = 0; start < length; start += size) {
    await yieldToEventLoop();
    signal?.throwIfAborted();
    yield [start, Math.min(length, start + size)];
  }
}
