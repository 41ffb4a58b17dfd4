import { unlessAborted } from '../async.js';

/** One piece of work at a time, in the order of asking. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when everything asked for so far has ended. */
  idle(): Promise<void> {
    return this.#last;
  }

  /**
   * Runs `work` when everything asked for before has ended; rejects with `signal.reason` if that comes while waiting.
   */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#last;
    let end!: () => void;
    const mine = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#last = before.then(() => mine);
    try {
      await unlessAborted(before, signal);
      return await work();
    } finally {
      end();
    }
  }
}
