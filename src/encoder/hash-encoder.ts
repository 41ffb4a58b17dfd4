import { eventLoopYielder, steadyProgress } from '../async/index.js';
import { DndError } from '../errors.js';
import { quote } from '../validation/index.js';
import { addFeature, features, words } from './hash-features.js';
import {
  allocateStates,
  checkRequest,
  type EncodedPrompts,
  type EncodeOptions,
  type EncoderIdentity,
  type TextEncoder,
} from './text-encoder.js';

/** Default channels of the hash encoder: as many as MiniLM has. */
export const DEFAULT_HASH_CHANNELS = 384;
const MAX_CHANNELS = 65_536;
const CACHE_BYTES = 32 * 2 ** 20;
/** Maximum length of a word; its features take about ten seconds. */
const MOST_LETTERS = 2 ** 20;
/** Maximum length of cached words: the cache is counted by its vectors. */
const LONGEST_REMEMBERED = 64;
/**
 * A feature takes a few microseconds, a known word less than one; after this many the loop yields to the event loop.
 */
const FEATURES_PER_SLICE = 128;
const WORDS_PER_SLICE = 128;

/**
 * The built-in text encoder without weights: a word's hidden state is the sum of ±1 vectors drawn from the hashes of
 * its 2-grams and 3-grams, scaled to norm √channels. Exact on every platform; it encodes spelling, not meaning.
 */
export class HashEncoder implements TextEncoder {
  readonly identity: EncoderIdentity;
  readonly maxWindow = Number.POSITIVE_INFINITY;
  readonly minLength = 1;
  readonly encodesPadding = true;
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
   * word are zero, whatever `padding` says; the pooled hidden state of a prompt without words is zero too.
   */
  async encode(prompts: readonly string[], options: EncodeOptions): Promise<EncodedPrompts> {
    checkRequest(prompts, options, this);
    const yieldToEventLoop = eventLoopYielder();
    const progress = steadyProgress(options.onProgress);
    const length = options.pooling === 'none' ? options.maxLength : 1;
    const shape: EncodedPrompts['shape'] = [prompts.length, length, this.channels];
    const hiddenStates = allocateStates(shape);
    const truncatedPrompts: number[] = [];
    let tokens = 0;
    for (const [index, prompt] of prompts.entries()) {
      const rows = hiddenStates.subarray(index * length * this.channels, (index + 1) * length * this.channels);
      const add = options.pooling === 'mean' ? meanInto(rows) : copyInto(rows);
      let count = 0;
      for (const word of words(prompt)) {
        if (word !== '' && count === options.maxLength) {
          truncatedPrompts.push(index);
          break;
        }
        if (word === '' || count++ % WORDS_PER_SLICE === 0) {
          await yieldToEventLoop();
          options.signal?.throwIfAborted();
        }
        if (word === '') continue;
        add(this.#vectors.get(word) ?? (await this.#vector(word, yieldToEventLoop, options.signal)));
      }
      tokens += count;
      progress((index + 1) / prompts.length);
    }
    return { hiddenStates, shape, tokens, truncatedPrompts };
  }

  /** Frees only the word cache. */
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
    if (word.length > MOST_LETTERS)
      throw new DndError(
        'INVALID_PROMPTS',
        `a prompt has a word of ${word.length} letters, and the hash encoder takes at most ${MOST_LETTERS}: ${quote(word)}; leave it out`,
      );
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
    if (word.length > LONGEST_REMEMBERED) return;
    if ((this.#vectors.size + 1) * vector.byteLength > CACHE_BYTES) {
      const [oldest] = this.#vectors.keys();
      if (oldest !== undefined) this.#vectors.delete(oldest);
    }
    this.#vectors.set(word, vector);
  }
}

/** Scaled to norm √channels; a zero sum stays zero. */
function scaled(sum: Int32Array): Float32Array {
  let squares = 0;
  for (const value of sum) squares += value * value;
  const factor = squares === 0 ? 0 : Math.sqrt(sum.length / squares);
  const vector = new Float32Array(sum.length);
  for (let channel = 0; channel < sum.length; channel++) vector[channel] = sum[channel]! * factor;
  return vector;
}

/** Collects vectors into rows until they are full. */
function copyInto(rows: Float32Array): (vector: Float32Array) => void {
  let offset = 0;
  return (vector) => {
    if (offset < rows.length) rows.set(vector, offset);
    offset += vector.length;
  };
}

/** Keeps the running mean of the vectors in the row. */
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
