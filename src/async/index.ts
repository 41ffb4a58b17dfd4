/** Long-running work: progress, cancellation, queueing, and yielding to the event loop. */
export { unlessAborted, withSignals } from './abort-signals.js';
export { bothOrNeither } from './both-or-neither.js';
export { valueCopier } from './copy-values.js';
export { eventLoopYielder } from './event-loop.js';
export { onAbort } from './on-abort.js';
export { type LongOperation, steadyProgress } from './progress.js';
export { SerialQueue } from './serial-queue.js';
export { slices } from './slices.js';
