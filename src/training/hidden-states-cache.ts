import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { eventLoopYielder, type LongOperation, valueCopier } from '../async/index.js';
import type { TextEncoder } from '../encoder/index.js';
import { DndError } from '../errors.js';
import type { GeneratorManifest } from '../generator/manifest.js';
import { ByteCache } from './byte-cache.js';
import { bytesOnDisk, readStates, writeStates } from './hidden-states-file.js';

export interface HiddenStatesCacheOptions {
  encoder: TextEncoder;
  condition: GeneratorManifest['condition'];
  /** Contains a folder per encoder configuration. */
  folder: string;
  memoryBytes: number;
  diskBytes: number;
  /** Free disk space to leave for others, such as checkpoints. Default: 0. */
  reserveBytes?: number | undefined;
}

/** Maximum size of the hidden states of one encoder batch. */
const ENCODE_BYTES = 2 ** 26;
/** Number of values scanned between yields to the event loop. */
const VALUES_OF_A_SLICE = 2 ** 19;
const SUFFIX = '.states';

/**
 * A cache of the hidden states of texts, [length, channels] each, as in `dnd generate`. Each distinct text is encoded
 * once; entries evicted from memory are read from disk, and encoded again if they are not there either. Trailing zeros
 * (of padding) are not stored. Calls must not overlap.
 */
export class HiddenStatesCache {
  readonly #options: HiddenStatesCacheOptions;
  readonly #memory: ByteCache<string, Float32Array>;
  readonly #folder: string;
  /** Names of the existing files. */
  #files: Set<string> | undefined;
  #diskBytes = 0;
  /** Number of texts encoded so far. */
  encoded = 0;

  constructor(options: HiddenStatesCacheOptions) {
    this.#options = options;
    this.#memory = new ByteCache(options.memoryBytes);
    const { name: _, ...identity } = options.encoder.identity;
    const way = JSON.stringify([Object.entries(identity).sort(), Object.entries(options.condition).sort()]);
    this.#folder = join(options.folder, createHash('sha256').update(way).digest('hex').slice(0, 16));
  }

  /** Number of values in a text's hidden states. */
  get size(): number {
    const { condition, encoder } = this.#options;
    return (condition.pooling === 'none' ? condition.maxLength : 1) * encoder.channels;
  }

  /**
   * Writes the hidden states of `texts` into `conditions` [texts, length, channels].
   * @throws DndError as `TextEncoder.encode`; `signal.reason`
   */
  async fill(texts: readonly string[], conditions: Float32Array, operation: LongOperation = {}): Promise<void> {
    const places = new Map<string, number[]>();
    for (const [place, text] of texts.entries()) {
      const known = places.get(text);
      if (known) known.push(place);
      else places.set(text, [place]);
    }
    const copy = valueCopier(operation.signal);
    await this.#each([...places.keys()], operation, async (text, hiddenStates) => {
      for (const place of places.get(text)!) await copy(hiddenStates, conditions, place * this.size, this.size);
    });
  }

  /** Encodes texts that are not cached yet, so that steps need not wait; stops when the caches are full. */
  async encodeAhead(texts: readonly string[], operation: LongOperation = {}): Promise<void> {
    const missing: string[] = [];
    const files = await this.#knownFiles();
    for (const text of new Set(texts)) if (!this.#memory.has(text) && !files.has(fileName(text))) missing.push(text);
    const bytes = missing.length * this.size * Float32Array.BYTES_PER_ELEMENT;
    // If they do not all fit, the last ones would evict the first ones.
    if (bytes > Math.max(this.#options.memoryBytes - this.#memory.bytes, await this.#freeDiskBytes())) return;
    await this.#encode(missing, operation, async () => {});
  }

  dispose(): void {
    this.#memory.clear();
  }

  /** Calls `take` for each distinct text, in any order. */
  async #each(
    texts: readonly string[],
    operation: LongOperation,
    take: (text: string, hiddenStates: Float32Array) => Promise<void>,
  ): Promise<void> {
    const missing: string[] = [];
    const files = await this.#knownFiles();
    for (const text of texts) {
      operation.signal?.throwIfAborted();
      const cached = this.#memory.get(text);
      const found = cached ?? (await this.#read(text, files, operation.signal));
      if (!found) {
        missing.push(text);
        continue;
      }
      if (!cached) this.#memory.set(text, found, found.byteLength);
      await take(text, found);
    }
    await this.#encode(missing, operation, take);
  }

  /** Reads from disk; a damaged file is removed. */
  async #read(text: string, files: Set<string>, signal: AbortSignal | undefined): Promise<Float32Array | undefined> {
    const name = fileName(text);
    if (!files.has(name)) return undefined;
    const hiddenStates = await readStates(join(this.#folder, name), this.size, signal);
    if (hiddenStates) return hiddenStates;
    files.delete(name);
    await rm(join(this.#folder, name), { force: true }).catch(() => {});
    return undefined;
  }

  async #encode(
    texts: readonly string[],
    { signal, onProgress }: LongOperation,
    take: (text: string, hiddenStates: Float32Array) => Promise<void>,
  ): Promise<void> {
    const { encoder, condition } = this.#options;
    const together = Math.max(1, Math.floor(ENCODE_BYTES / (this.size * Float32Array.BYTES_PER_ELEMENT)));
    for (let start = 0; start < texts.length; start += together) {
      const group = texts.slice(start, start + together);
      const { hiddenStates } = await encoder.encode(group, {
        ...condition,
        signal,
        onProgress: (fraction) => onProgress?.((start + fraction * group.length) / texts.length),
      });
      this.encoded += group.length;
      const copy = valueCopier(signal);
      for (const [index, text] of group.entries()) {
        const own = hiddenStates.subarray(index * this.size, (index + 1) * this.size);
        const kept = new Float32Array(await lengthWithoutZeros(own, signal));
        await copy(own, kept, 0, kept.length);
        this.#memory.set(text, kept, kept.byteLength);
        await this.#store(text, kept, signal);
        await take(text, kept);
      }
    }
  }

  /** A failed cache write is not an error. */
  async #store(text: string, hiddenStates: Float32Array, signal: AbortSignal | undefined): Promise<void> {
    const files = await this.#knownFiles();
    const bytes = bytesOnDisk(hiddenStates);
    if (bytes > (await this.#freeDiskBytes())) return;
    const name = fileName(text);
    try {
      await writeStates(join(this.#folder, name), hiddenStates, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof DndError)) throw error;
      // The space is needed for checkpoints.
      this.#diskBytes = Infinity;
      return;
    }
    files.add(name);
    this.#diskBytes += bytes;
  }

  /** Disk space that the cache may still use. */
  async #freeDiskBytes(): Promise<number> {
    const { diskBytes, reserveBytes = 0 } = this.#options;
    const allowed = diskBytes - this.#diskBytes;
    if (allowed <= 0) return 0;
    const disk = await statfs(this.#folder).catch(() => undefined);
    return disk ? Math.min(allowed, disk.bavail * disk.bsize - reserveBytes) : allowed;
  }

  /** Lists the folder once, and removes incomplete files of killed processes. */
  async #knownFiles(): Promise<Set<string>> {
    if (this.#files) return this.#files;
    const files = new Set<string>();
    await mkdir(this.#folder, { recursive: true }).catch(() => {});
    for (const name of await readdir(this.#folder).catch((): string[] => [])) {
      const path = join(this.#folder, name);
      if (!name.endsWith(SUFFIX) || name.startsWith('.')) {
        await rm(path, { force: true }).catch(() => {});
        continue;
      }
      files.add(name);
      this.#diskBytes += (await stat(path).catch(() => undefined))?.size ?? 0;
    }
    this.#files = files;
    return files;
  }
}

function fileName(text: string): string {
  return createHash('sha256').update(text).digest('hex') + SUFFIX;
}

/** The length without trailing zeros; −0 counts as non-zero, so that the values are bit-identical. */
async function lengthWithoutZeros(values: Float32Array, signal: AbortSignal | undefined): Promise<number> {
  const yieldToEventLoop = eventLoopYielder();
  for (let length = values.length; length > 0; length--) {
    if (!Object.is(values[length - 1], 0)) return length;
    if (length % VALUES_OF_A_SLICE === 0) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
    }
  }
  return 0;
}
