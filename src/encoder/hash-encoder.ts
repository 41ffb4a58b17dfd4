import { eventLoopYielder, steadyProgress } from '../async/index.js';
import { DndError } from '../errors.js';
import { addFeature, features, words } from './hash-features.js';
import {
  allocateStates,
  checkRequest,
  type EncodedPrompts,
  type EncodeOptions,
  type EncoderIdentity,
  type TextEncoder,
} from './text-encoder.js';

/** Channels of the hash encoder unless told: as many as MiniLM has. */
export const DEFAULT_HASH_CHANNELS = 384;
const MAX_CHANNELS = 65_536;
const CACHE_BYTES = 32 * 2 ** 20;
/** A feature takes a few microseconds, a known word less than one; between so many the event loop gets its turn. */
const FEATURES_PER_SLICE = 128;
const WORDS_PER_SLICE = 128;

/**
 * The built-in text encoder without weights: a word's state is the sum of ±1 vectors drawn from the hashes of its
 * 2-grams and 3-grams, scaled to norm √channels. Exact on every platform; it knows spelling, but no meaning.
 */
export class HashEncoder implements TextEncoder {
  readonly identity: EncoderIdentity;
  readonly maxWindow = Number.POSITIVE_INFINITY;
  readonly #vectors = new Map<string, Float32Array>();

  /**
   * @param channels size of a hidden state, from 1 to 65536
   * @throws DndError INVALID_ARGUMENT
   */
  constructor(readonly channels: number = DEFAULT_HASH_CHANNELS) {
    if (!Number.isSafeInteger(channels) || channels < 1 || channels > MAX_CHANNELS) {
      throw new DndError(
        'INVALID_ARGUMENT',
        `the channels of the hash encoder must be a whole number from 1 to ${MAX_CHANNELS}, not ${String(channels)}`,
      );
    }
    this.identity = { type: 'hash', channels };
  }

  /**
   * A word is a run of ASCII letters or one other character that is no white space. Positions after a prompt's last
   * word are zero, whatever `padding` says; the pooled state of a prompt without words is zero too.
   */
  async encode(prompts: readonly string[], options: EncodeOptions): Promise<EncodedPrompts> {
    checkRequest(prompts, options, this.maxWindow);
    const yieldToEventLoop = eventLoopYielder();
    const progress = steadyProgress(options.onProgress);
    const length = options.pooling === 'none' ? options.maxLength : 1;
    const shape: EncodedPrompts['shape'] = [prompts.length, length, this.channels];
    const states = allocateStates(shape);
    const truncatedPrompts: number[] = [];
    let tokens = 0;
    for (const [index, prompt] of prompts.entries()) {
      const rows = states.subarray(index * length * this.channels, (index + 1) * length * this.channels);
      const add = options.pooling === 'mean' ? meanInto(rows) : copyInto(rows);
      let count = 0;
      for (const [word] of words(prompt)) {
        if (count === options.maxLength) {
          truncatedPrompts.push(index);
          break;
        }
        if (count++ % WORDS_PER_SLICE === 0) {
          await yieldToEventLoop();
          options.signal?.throwIfAborted();
        }
        add(this.#vectors.get(word) ?? (await this.#vector(word, yieldToEventLoop, options.signal)));
      }
      tokens += count;
      progress((index + 1) / prompts.length);
    }
    return { states, shape, tokens, truncatedPrompts };
  }

  /** The hash encoder holds nothing but its cache of words. */
  dispose(): void {
    this.#vectors.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
  }

  async #vector(
    word: string,
    yieldToEventLoop: () => Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const sum = new Int32Array(this.channels);
    let added = 0;
    for (const feature of features(word)) {
      addFeature(feature, sum);
      if (++added % FEATURES_PER_SLICE === 0) {
        await yieldToEventLoop();
        signal?.throwIfAborted();
      }
    }
    const vector = scaled(sum);
    this.#remember(word, vector);
    return vector;
  }

  #remember(word: string, vector: Float32Array): void {
    if ((this.#vectors.size + 1) * vector.byteLength > CACHE_BYTES) {
      const [oldest] = this.#vectors.keys();
      if (oldest !== undefined) this.#vectors.delete(oldest);
    }
    this.#vectors.set(word, vector);
  }
}

/** Scaled to norm √channels; a sum of zeros has no direction and stays as it is. */
function scaled(sum: Int32Array): Float32Array {
  let squares = 0;
  for (const value of sum) squares += value * value;
  const factor = squares === 0 ? 0 : Math.sqrt(sum.length / squares);
  const vector = new Float32Array(sum.length);
  for (let channel = 0; channel < sum.length; channel++) vector[channel] = sum[channel]! * factor;
  return vector;
}

/** Takes vectors one after the other into the rows, as many as there is room for. */
function copyInto(rows: Float32Array): (vector: Float32Array) => void {
  let offset = 0;
  return (vector) => {
    if (offset < rows.length) rows.set(vector, offset);
    offset += vector.length;
  };
}

/** Keeps the mean of the vectors so far in the row. */
function meanInto(row: Float32Array): (vector: Float32Array) => void {
  const sum = new Float64Array(row.length);
  let count = 0;
  return (vector) => {
    count++;
    for (let channel = 0; channel < row.length; channel++) {
      sum[channel]! += vector[channel]!;
      row[channel] = sum[channel]! / count;
    }
  };
}
