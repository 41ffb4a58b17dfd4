import { unlessAborted, withSignals } from './abort-signals.js';

/** Runs one piece of work at a time, first in, first out, until it is closed. */
export class SerialQueue {
  readonly #closing = new AbortController();
  #last: Promise<void> = Promise.resolve();

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Aborts the running work; queued and later work rejects with `reason`. Idempotent. */
  close(reason: unknown): void {
    this.#closing.abort(reason);
  }

  /** Resolves when all work queued so far has settled. */
  idle(): Promise<void> {
    return this.#last;
  }

  /**
   * Runs `work` after all work queued before, with a signal that aborts when `signal` does or the queue is closed.
   * Rejects with the signal's reason if that comes while waiting.
   */
  run<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return withSignals([this.#closing.signal, signal], async (linked) => {
      const before = this.#last;
      let end!: () => void;
      const own = new Promise<void>((resolve) => {
        end = resolve;
      });
      this.#last = before.then(() => own);
      try {
        await unlessAborted(before, linked);
        return await work(linked);
      } finally {
        end();
      }
    });
  }
}
