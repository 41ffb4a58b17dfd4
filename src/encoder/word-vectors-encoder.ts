import { basename, dirname, join } from 'node:path';
import { eventLoopYielder, type LongOperation, steadyProgress } from '../async/index.js';
import { exists, kindOf, sha256OfFiles } from '../files/index.js';
import {
  allocateStates,
  checkRequest,
  type EncodedPrompts,
  type EncodeOptions,
  type EncoderIdentity,
  type TextEncoder,
} from './text-encoder.js';
import { readSafetensorsTable, readTextTable, type WordTable } from './word-table.js';

/** `type` of the encoder's identity. */
export const WORD_VECTORS = 'word-vectors';

/** Names of the files in a generator's folder. */
const TABLE_NAME = 'word-vectors';
const VOCABULARY = 'vocab.txt';

/** The files of a table of word vectors. */
export interface WordVectorFiles {
  table: string;
  /** Words of a safetensors file, one in each line; undefined for a text file, which has its own. */
  vocabulary: string | undefined;
}

/**
 * The table that `source` names: a text file (.txt, .vec), a safetensors file with a `vocab.txt` beside it, or the folder of a
 * generator's copy; undefined for anything else.
 * @throws DndError READ_FAILED
 */
export async function findWordVectors(source: string): Promise<WordVectorFiles | undefined> {
  const kind = await kindOf(source);
  if (kind === 'file') return /\.(?:txt|vec|safetensors)$/i.test(source) ? filesOf(source) : undefined;
  if (kind === undefined) return undefined;
  for (const extension of ['txt', 'safetensors']) {
    const table = join(source, `${TABLE_NAME}.${extension}`);
    if (await exists(table)) return filesOf(table);
  }
  return undefined;
}

function filesOf(table: string): WordVectorFiles {
  return { table, vocabulary: isSafetensors(table) ? join(dirname(table), VOCABULARY) : undefined };
}

function isSafetensors(path: string): boolean {
  return path.toLowerCase().endsWith('.safetensors');
}

/** The files and their names in a generator's folder. */
export function copiesOf({ table, vocabulary }: WordVectorFiles): [from: string, name: string][] {
  const copies: [string, string][] = [[table, `${TABLE_NAME}.${isSafetensors(table) ? 'safetensors' : 'txt'}`]];
  return vocabulary === undefined ? copies : [...copies, [vocabulary, VOCABULARY]];
}

/** A table of word vectors, such as GloVe: one vector for each known word, whatever is around it. */
export class WordVectorsEncoder implements TextEncoder {
  readonly channels: number;
  readonly maxWindow = Number.POSITIVE_INFINITY;
  readonly minLength = 1;
  readonly encodesPadding = true;

  private constructor(
    readonly table: WordTable,
    readonly identity: EncoderIdentity,
  ) {
    this.channels = table.channels;
  }

  /** @throws DndError as `readTextTable` and `readSafetensorsTable` */
  static async load(files: WordVectorFiles, options: LongOperation = {}): Promise<WordVectorsEncoder> {
    const { table: path, vocabulary } = files;
    const table =
      vocabulary === undefined
        ? await readTextTable(path, options)
        : await readSafetensorsTable(path, vocabulary, options);
    return new WordVectorsEncoder(table, {
      type: WORD_VECTORS,
      channels: table.channels,
      name: basename(path),
      weightsSha256: await sha256OfFiles([path], options.signal),
      tokenizerSha256: await sha256OfFiles([vocabulary ?? path], options.signal),
    });
  }

  async encode(prompts: readonly string[], options: EncodeOptions): Promise<EncodedPrompts> {
    checkRequest(prompts, options, this);
    const { maxLength, pooling, signal } = options;
    const progress = steadyProgress(options.onProgress);
    const yieldToEventLoop = eventLoopYielder();
    const length = pooling === 'none' ? maxLength : 1;
    const shape: EncodedPrompts['shape'] = [prompts.length, length, this.channels];
    const hiddenStates = allocateStates(shape);
    const truncatedPrompts: number[] = [];
    let tokens = 0;
    for (const [index, prompt] of prompts.entries()) {
      const vectors: Float32Array[] = [];
      for (const vector of this.#vectorsOf(prompt)) {
        await yieldToEventLoop();
        signal?.throwIfAborted();
        if (vector === undefined) continue;
        if (vectors.length === maxLength) {
          truncatedPrompts.push(index);
          break;
        }
        vectors.push(vector);
      }
      tokens += vectors.length;
      const rows = hiddenStates.subarray(index * length * this.channels, (index + 1) * length * this.channels);
      if (pooling === 'mean') addMean(vectors, rows);
      else for (const [place, vector] of vectors.slice(0, length).entries()) rows.set(vector, place * this.channels);
      progress((index + 1) / prompts.length);
    }
    return { hiddenStates, shape, tokens, truncatedPrompts };
  }

  /** Known words of a prompt. */
  async count(prompt: string, signal?: AbortSignal): Promise<number> {
    const yieldToEventLoop = eventLoopYielder();
    let count = 0;
    for (const vector of this.#vectorsOf(prompt)) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      if (vector !== undefined) count++;
    }
    return count;
  }

  /** undefined between them: a piece that is not in the table. */
  *#vectorsOf(prompt: string): Generator<Float32Array | undefined, void, void> {
    for (const [chunk] of prompt.matchAll(CHUNK)) {
      const whole = this.#vectorOf(chunk);
      if (whole === undefined) for (const [part] of chunk.matchAll(PART)) yield this.#vectorOf(part) ?? this.#unknown;
      else yield whole;
    }
  }

  /** Of the word as it is, else in small letters. */
  #vectorOf(word: string): Float32Array | undefined {
    return this.table.vectorOf(word) ?? this.table.vectorOf(word.toLowerCase());
  }

  get #unknown(): Float32Array | undefined {
    return this.table.vectorOf('<unk>');
  }

  /** Nothing but the garbage collector frees a table. */
  dispose(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.dispose();
  }
}

/** What is between white space; of more than a thousand characters, in pieces. */
const CHUNK = /\S{1,1024}/gu;
/** Runs of letters, marks and digits, and every other character by itself. */
const PART = /[\p{L}\p{M}\p{N}]+|[^\p{L}\p{M}\p{N}]/gu;

function addMean(vectors: readonly Float32Array[], row: Float32Array): void {
  const sums = new Float64Array(row.length);
  for (const vector of vectors)
    for (let channel = 0; channel < row.length; channel++) sums[channel]! += vector[channel]!;
  for (let channel = 0; channel < row.length && vectors.length > 0; channel++)
    row[channel] = sums[channel]! / vectors.length;
}
