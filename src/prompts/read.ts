import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { eventLoopYielder, onAbort } from '../async/index.js';
import { DndError } from '../errors.js';
import { decodeUtf8, openInput, readError, whatItIs } from '../files/index.js';
import { checkPath, quoteValue } from '../validation/index.js';
import { parseCsv } from './csv.js';
import { checkItem, type FoundItem, type PromptItem } from './item.js';
import { parseJson, parseJsonLines } from './json.js';
import { invalidPrompts } from './problems.js';
import { parseText } from './text.js';

/** Far more than a prompt set of hundreds of prompts, and still fits into one string. */
const LARGEST_BYTES = 256 * 2 ** 20;

/** As with bytes: a larger number is a mistake, and would exhaust memory. */
const MOST_PROMPTS = 1_000_000;

/** Checking this many takes about a millisecond. */
const ITEMS_PER_SLICE = 1024;

const STANDARD_INPUT = 'standard input';

/** Yields the items one by one, or undefined at points where only the event loop should run. */
type Parser = (text: string, source: string) => Iterable<FoundItem | undefined> | AsyncIterable<FoundItem | undefined>;

const PARSERS: Record<string, Parser> = {
  '.txt': parseText,
  '.json': parseJson,
  '.jsonl': parseJsonLines,
  '.csv': parseCsv,
};

/**
 * Reads a prompt set in UTF-8: a `.txt` (one prompt per line), `.json`, `.jsonl` or `.csv` file; or standard input for
 * "-" and any named pipe, which may contain JSON, JSON Lines or text. docs/prompts-and-encoders.md describes the forms.
 * @param standardInput the stream read for "-"; default: the standard input of this process
 * @param signal aborts waiting for input
 * @throws DndError FILE_NOT_FOUND, READ_FAILED; CORRUPT_FILE when it is not UTF-8; INVALID_PROMPTS that names the file
 * and the line or item; `signal.reason`
 */
export async function readPromptSet(path: string, standardInput?: Input, signal?: AbortSignal): Promise<string[]> {
  signal?.throwIfAborted();
  const take = ({ prompt }: FoundItem) => prompt;
  if (path !== '-') return readItems(path, take, signal);
  if (standardInput !== undefined && !(Symbol.asyncIterator in Object(standardInput)))
    throw new DndError('INVALID_ARGUMENT', `the standard input must be a stream, not ${quoteValue(standardInput)}`);
  const bytes = await readAll(standardInput ?? process.stdin, STANDARD_INPUT, signal);
  return parse(bytes, parseAnything, STANDARD_INPUT, take);
}

/** A Readable, or any other source of bytes. */
type Input = AsyncIterable<Uint8Array> & { destroy?(): void };

/**
 * Reads a prompt file in any form of `readPromptSet`, with its responses: `response` of an item, the turn after the
 * prompt in a conversation, or the `response` column.
 * @throws DndError as `readPromptSet`
 */
export async function readPromptItems(path: string): Promise<PromptItem[]> {
  return readItems(path, (item) => checkItem(item, path));
}

async function readItems<Item>(path: string, take: (item: FoundItem) => Item, signal?: AbortSignal): Promise<Item[]> {
  checkPath(path, 'the prompt file');
  const parser = await parserFor(path);
  const input = await openInput(path).catch((error) => {
    throw readError(error, `prompt file ${path}`);
  });
  return parse(await readAll(input, path, signal), parser, path, take);
}

async function parserFor(path: string): Promise<Parser> {
  const status = await stat(path).catch((error) => {
    throw readError(error, `prompt file ${path}`);
  });
  if (status.isDirectory()) {
    throw new DndError('READ_FAILED', `prompt file ${path} cannot be read: it is a folder; name a file in it`);
  }
  if (!status.isFile()) return parseAnything;
  const extension = extname(path).toLowerCase();
  const parser = Object.hasOwn(PARSERS, extension) ? PARSERS[extension] : undefined;
  if (parser) return parser;
  const known = Object.keys(PARSERS).join(', ');
  throw invalidPrompts(path, `prompt files end in ${known}; rename it by its contents, or pipe it in as "-"`);
}

async function readAll(stream: Input, source: string, signal?: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const stop = () => stream.destroy?.();
  const release = signal && onAbort(signal, stop);
  try {
    if (signal?.aborted) stop();
    signal?.throwIfAborted();
    for await (const chunk of stream) {
      chunks.push(chunk);
      bytes += chunk.byteLength;
      if (bytes > LARGEST_BYTES) break;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw readError(error, `prompt file ${source}`);
  } finally {
    release?.();
  }
  if (bytes <= LARGEST_BYTES) return Buffer.concat(chunks, bytes);
  throw invalidPrompts(
    source,
    `it is larger than ${LARGEST_BYTES / 2 ** 20} MiB, the limit. Give a few hundred prompts of the task`,
  );
}

async function parse<Item>(
  bytes: Uint8Array,
  parser: Parser,
  source: string,
  take: (item: FoundItem) => Item,
): Promise<Item[]> {
  const yieldToEventLoop = eventLoopYielder();
  const items: Item[] = [];
  let looked = 0;
  /** @returns what to wait for before the next item, if anything */
  const add = (item: FoundItem | undefined): Promise<void> | undefined => {
    if (item !== undefined && items.length === MOST_PROMPTS)
      throw invalidPrompts(
        source,
        `it has more than ${MOST_PROMPTS} prompts, which no prompt set has; give a few hundred prompts of the task`,
      );
    if (item !== undefined) items.push(take(item));
    return ++looked % ITEMS_PER_SLICE === 0 ? yieldToEventLoop() : undefined;
  };
  // As text, a Git LFS pointer or an error page would be a prompt per line.
  const other = whatItIs(bytes);
  if (other !== undefined) throw invalidPrompts(source, other);
  const found = parser(decodeUtf8(bytes, source), source);
  if (Symbol.asyncIterator in found) {
    for await (const item of found) await add(item);
  } else {
    // Awaiting every one of millions of blank lines would take seconds.
    for (const item of found) {
      const pause = add(item);
      if (pause) await pause;
    }
  }
  if (items.length > 0) return items;
  throw invalidPrompts(source, 'there are no prompts in it; give at least one');
}

/**
 * Without an extension: JSON if it starts like JSON, else text. A text line may also start with a bracket, as in
 * "[INST]".
 */
function parseAnything(text: string, source: string): ReturnType<Parser> {
  return /^\s*(?:\[\s*["{\]]|\{\s*")/.test(text) ? parseJson(text, source) : parseText(text, source);
}
