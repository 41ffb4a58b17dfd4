import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { DndError } from '../errors.js';
import { addon } from './addon.js';

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The signals of the process that stop long work: Ctrl-C, a request to end, a closed terminal. */
export type StopSignal = (typeof STOP_SIGNALS)[number];

/**
 * Aborts `controller` at the first SIGINT, SIGTERM or SIGHUP of this process, with a DndError ABORTED whose cause is
 * the signal's name. The second one ends the process as if there were no listener, even while it is busy.
 * @returns a function that restores what the signals did before
 */
export function abortAtSignals(controller: AbortController): () => void {
  const release = () => {
    guard([]);
    for (const name of STOP_SIGNALS) process.off(name, stop);
  };
  const stop = (name: StopSignal) => {
    release();
    controller.abort(new DndError('ABORTED', `interrupted by ${name}`, { cause: name }));
  };
  for (const name of STOP_SIGNALS) process.on(name, stop);
  guard(STOP_SIGNALS);
  return release;
}

/** Without the addon a second signal works too, while the JavaScript thread is not busy. */
function guard(names: readonly StopSignal[]): void {
  // Signals belong to the main thread: a worker receives none and must not change its handlers.
  if (!isMainThread) return;
  try {
    addon().endAtSecondSignal(names.map((name) => constants.signals[name]));
  } catch {
    // Code that needs the addon reports why it cannot be loaded.
  }
}
