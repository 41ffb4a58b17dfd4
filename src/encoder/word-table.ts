import { eventLoopYielder, type LongOperation } from '../async/index.js';
import { MemoryBudget } from '../engine/index.js';
import { DndError } from '../errors.js';
import { readError, readPieces, readText } from '../files/index.js';
import { elementCount, isFloatDtype } from '../formats/dtypes.js';
import { firstNonFinite } from '../formats/non-finite.js';
import { SafetensorsFile } from '../formats/safetensors/index.js';
import { quote } from '../validation/index.js';

/** A vector for each word of a vocabulary. */
export class WordTable {
  readonly #places = new Map<string, number>();
  readonly #blocks: Float32Array[] = [];

  constructor(readonly channels: number) {}

  get words(): number {
    return this.#places.size;
  }

  /** undefined for a word that is not in it. */
  vectorOf(word: string): Float32Array | undefined {
    const place = this.#places.get(word);
    return place === undefined ? undefined : this.#at(place);
  }

  /**
   * Memory for the vector of a word; undefined for one that is there already: the first one counts.
   * @throws DndError OUT_OF_MEMORY
   */
  add(word: string): Float32Array | undefined {
    if (this.#places.has(word)) return undefined;
    const place = this.#places.size;
    if (place % WORDS_PER_BLOCK === 0) this.#grow();
    this.#places.set(word, place);
    return this.#at(place);
  }

  #at(place: number): Float32Array {
    const begin = (place % WORDS_PER_BLOCK) * this.channels;
    return this.#blocks[Math.floor(place / WORDS_PER_BLOCK)]!.subarray(begin, begin + this.channels);
  }

  #grow(): void {
    const elements = WORDS_PER_BLOCK * this.channels;
    new MemoryBudget(undefined).require({
      purpose: `a table of word vectors of ${this.channels} channels, after ${this.words} words`,
      bytes: elements * Float32Array.BYTES_PER_ELEMENT,
      lower: 'use a smaller table',
    });
    this.#blocks.push(new Float32Array(elements));
  }
}

const WORDS_PER_BLOCK = 4096;
const MOST_CHANNELS = 2 ** 14;
const PIECE_BYTES = 2 ** 16;
/** Of a line: a word, and a number of up to 32 characters for each channel. */
const MOST_LINE_BYTES = 2 ** 20;
const NEWLINE = 0x0a;

/**
 * Reads a text file of word vectors: a word and its numbers in each line, separated by spaces, as GloVe writes it; where a
 * first line has the numbers of words and channels, as word2vec writes it, they hold. A word may contain spaces. Without
 * such a line, one that ends with a number may be the beginning of a longer vector: it is refused.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE that names the line, OUT_OF_MEMORY; `signal.reason`
 */
export async function readTextTable(path: string, { signal }: LongOperation = {}): Promise<WordTable> {
  let table: WordTable | undefined;
  let header: Header | undefined;
  let number = 0;
  let vectors = 0;
  for await (const line of lines(path, signal)) {
    number++;
    const fields = line.trimEnd().split(' ');
    header ??= number === 1 ? headerOf(fields, path) : undefined;
    if ((header && number === 1) || line.trim() === '') continue;
    table ??= new WordTable(header?.channels ?? channelsOf(fields, path, number));
    const before = fields.slice(0, -table.channels);
    const word = before.join(' ');
    if (word === '' || (!header && isRagged(before)))
      throw corrupt(path, number, `expected a word and ${table.channels} numbers`, line);
    vectors++;
    const vector = table.add(word);
    if (vector)
      parse(fields, vector, () => corrupt(path, number, `expected ${table!.channels} numbers after the word`, line));
  }
  if (header && table && vectors !== header.words) {
    throw new DndError(
      'CORRUPT_FILE',
      `${path}: has another number of words than its first line says; expected ${header.words}, got ${vectors}. It may be truncated: copy it again`,
    );
  }
  if (table) return table;
  throw new DndError(
    'CORRUPT_FILE',
    `${path}: there are no word vectors; expected a word and its numbers in each line`,
  );
}

function parse(fields: readonly string[], vector: Float32Array, refusal: () => DndError): void {
  const first = fields.length - vector.length;
  for (let channel = 0; channel < vector.length; channel++) {
    const text = fields[first + channel]!;
    const value = Math.fround(Number(text));
    if (text === '' || !Number.isFinite(value)) throw refusal();
    vector[channel] = value;
  }
}

/** The first line of word2vec's text form. */
interface Header {
  words: number;
  channels: number;
}

function headerOf(fields: readonly string[], path: string): Header | undefined {
  if (fields.length !== 2 || !fields.every((field) => /^\d+$/.test(field))) return undefined;
  const [words, channels] = fields.map(Number) as [number, number];
  if (areChannels(channels)) return { words, channels };
  throw corrupt(path, 1, `expected the number of words and 2 to ${MOST_CHANNELS} channels`, fields.join(' '));
}

/** Whether a line has more numbers than others, rather than a word with a space. */
function isRagged(before: readonly string[]): boolean {
  const isNumber = (field: string) => field !== '' && Number.isFinite(Number(field));
  return isNumber(before.at(-1)!) && !isNumber(before[0]!);
}

const areChannels = (channels: number) => channels >= 2 && channels <= MOST_CHANNELS;

function channelsOf(fields: readonly string[], path: string, number: number): number {
  const channels = fields.length - 1;
  if (areChannels(channels)) return channels;
  throw corrupt(path, number, `expected a word and 2 to ${MOST_CHANNELS} numbers`, fields.join(' '));
}

/** The lines of a UTF-8 file. */
async function* lines(path: string, signal: AbortSignal | undefined): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (bytes: Uint8Array) => {
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw new DndError('CORRUPT_FILE', `${path} is not valid UTF-8; expected a text file of word vectors`, { cause });
    }
  };
  const yieldToEventLoop = eventLoopYielder();
  let rest = Buffer.alloc(0);
  try {
    for await (const piece of readPieces(path, PIECE_BYTES)) {
      const bytes = Buffer.concat([rest, piece]);
      let begin = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, begin)) {
        await yieldToEventLoop();
        signal?.throwIfAborted();
        yield decode(bytes.subarray(begin, end));
        begin = end + 1;
      }
      rest = Buffer.from(bytes.subarray(begin));
      if (rest.length > MOST_LINE_BYTES) {
        throw new DndError(
          'CORRUPT_FILE',
          `${path} has a line of more than ${MOST_LINE_BYTES} bytes; expected a text file of word vectors`,
        );
      }
    }
  } catch (error) {
    throw readError(error, path);
  }
  if (rest.length > 0) yield decode(rest);
}

/**
 * Reads a table of word vectors from a safetensors file with one matrix [words, channels] of floating-point numbers, and
 * its words, one in each line, from a text file.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, SHAPE_MISMATCH, INVALID_WEIGHTS, OUT_OF_MEMORY;
 * `signal.reason`
 */
export async function readSafetensorsTable(
  path: string,
  vocabulary: string,
  { signal }: LongOperation = {},
): Promise<WordTable> {
  const words = (await readText(vocabulary, 'vocabulary of word vectors')).replace(/\r?\n$/, '').split(/\r?\n/);
  const file = await SafetensorsFile.open(path);
  try {
    const matrices = [...file.tensors.values()].filter(({ dtype, shape }) => isFloatDtype(dtype) && shape.length === 2);
    const [matrix] = matrices;
    if (matrix === undefined || matrices.length > 1) {
      throw new DndError(
        'CORRUPT_FILE',
        `${path}: has ${matrices.length} matrices; expected the one of the word vectors`,
      );
    }
    const [rows, channels] = matrix.shape as [number, number];
    if (rows !== words.length || channels < 1 || channels > MOST_CHANNELS) {
      throw new DndError(
        'SHAPE_MISMATCH',
        `${path}: tensor ${matrix.name} has the wrong shape; expected [${words.length}, 1 to ${MOST_CHANNELS}] by ${vocabulary}, got [${rows}, ${channels}]`,
      );
    }
    new MemoryBudget(undefined).require({
      purpose: `reading ${path}`,
      bytes: elementCount(matrix.shape) * Float32Array.BYTES_PER_ELEMENT,
      lower: 'use a smaller table',
    });
    const values = await file.readFloat32(matrix.name);
    const table = new WordTable(channels);
    const yieldToEventLoop = eventLoopYielder();
    for (const [row, word] of words.entries()) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      const vector = values.subarray(row * channels, (row + 1) * channels);
      if (firstNonFinite(vector) >= 0) {
        throw new DndError('INVALID_WEIGHTS', `${path}: the vector of ${quote(word)} is not finite`);
      }
      table.add(word)?.set(vector);
    }
    return table;
  } finally {
    await file.close();
  }
}

function corrupt(path: string, line: number, expected: string, got: string): DndError {
  return new DndError(
    'CORRUPT_FILE',
    `${path}: line ${line} is not valid; ${expected}, got ${quote(got.slice(0, 80))}`,
  );
}
