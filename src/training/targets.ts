import { ByteCache } from './byte-cache.js';
import type { Checkpoint } from './pairs/types.js';

/** Reads a checkpoint as a target of `size` elements. */
export type ReadCheckpoint = (checkpoint: Checkpoint, signal: AbortSignal | undefined) => Promise<Float32Array>;

/** What checkpoints are as targets: weight tokens, or adapters; the most recently used stay in memory. */
export class Targets {
  readonly #cache: ByteCache<string, Float32Array>;

  constructor(
    /** Elements of a target. */
    readonly size: number,
    readonly read: ReadCheckpoint,
    memoryBytes: number,
  ) {
    this.#cache = new ByteCache(memoryBytes);
  }

  /** Errors: as `read` */
  async of(checkpoint: Checkpoint, signal: AbortSignal | undefined): Promise<Float32Array> {
    const kept = this.#cache.get(checkpoint.name);
    if (kept) return kept;
    const target = await this.read(checkpoint, signal);
    this.#cache.set(checkpoint.name, target, target.byteLength);
    return target;
  }

  dispose(): void {
    this.#cache.clear();
  }
}
