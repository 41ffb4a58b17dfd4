import type { AdapterLayout } from '../adapter/index.js';
import { ByteCache } from './byte-cache.js';
import type { Checkpoint, ReadTarget } from './pairs/types.js';

/** The weight tokens of checkpoints, [tokens, height, width]; the most recently used stay in memory. */
export class Targets {
  readonly #cache: ByteCache<string, Float32Array>;

  constructor(
    readonly layout: AdapterLayout,
    readonly readTarget: ReadTarget,
    memoryBytes: number,
  ) {
    this.#cache = new ByteCache(memoryBytes);
  }

  /** Errors: as `readTarget` */
  async of(checkpoint: Checkpoint, signal: AbortSignal | undefined): Promise<Float32Array> {
    const kept = this.#cache.get(checkpoint.name);
    if (kept) return kept;
    const tokens = await this.readTarget(checkpoint, this.layout, signal);
    this.#cache.set(checkpoint.name, tokens, tokens.byteLength);
    return tokens;
  }

  dispose(): void {
    this.#cache.clear();
  }
}
