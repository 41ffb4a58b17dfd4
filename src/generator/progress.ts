import { steadyProgress } from '../async/index.js';

/** The stage of a long call. */
export type Stage = 'load' | 'initialise' | 'encode' | 'decode' | 'restore' | 'save';

/** Called with the fraction of the whole call done: never decreasing, at most about 20 times a second, last with 1. */
export type OnProgress = (fraction: number, stage: Stage) => void;

/** Combines several stages, each with its share of the work, into one growing fraction. */
export class Progress {
  readonly #shares: [stage: Stage, share: number][];
  readonly #report: OnProgress;
  #reached = 0;

  constructor(shares: Partial<Record<Stage, number>>, onProgress: OnProgress | undefined) {
    this.#report = steadyProgress(onProgress);
    const entries = Object.entries(shares) as [Stage, number][];
    const total = entries.reduce((sum, [, share]) => sum + share, 0);
    this.#shares = entries.map(([stage, share]) => [stage, share / total]);
  }

  /** Call with the fraction of that stage done. */
  stage(name: Stage): (fraction: number) => void {
    const index = this.#shares.findIndex(([stage]) => stage === name);
    const before = this.#shares.slice(0, index).reduce((sum, [, share]) => sum + share, 0);
    const share = this.#shares[index]![1];
    const last = index === this.#shares.length - 1;
    return (fraction) => {
      const reached = last && fraction >= 1 ? 1 : Math.min(before + share * fraction, 1);
      if (reached < this.#reached) return;
      this.#reached = reached;
      this.#report(reached, name);
    };
  }
}
