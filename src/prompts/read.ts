import { stat } from 'node:fs/promises';
import { eventLoopYielder, onAbort } from '../async/index.js';
import { DndError } from '../errors.js';
import { decodeUtf8, openInput, readError, whatTextIs } from '../files/index.js';
import { checkPath, quoteValue } from '../validation/index.js';
import { csvSeparator, parseCsv } from './csv.js';
import { decompressed } from './decompress.js';
import { itemsOfDocument } from './document.js';
import { type Context, checkFields, type PromptFields } from './fields.js';
import { type Parser, parserFor } from './file-names.js';
import type { FoundItem, PromptItem } from './item.js';
import { parseJson } from './json.js';
import { invalidPrompts } from './problems.js';
import { parseText } from './text.js';

/** Far more than a prompt set of hundreds of prompts, and still fits into one string. */
const LARGEST_BYTES = 256 * 2 ** 20;

/** As with bytes: a larger number is a mistake, and would exhaust memory. */
const MOST_PROMPTS = 1_000_000;

/** Checking this many takes about a millisecond. */
const ITEMS_PER_SLICE = 1024;

const STANDARD_INPUT = 'standard input';

/**
 * Reads a prompt set in UTF-8: a `.txt` (one prompt per line), `.json`, `.jsonl`, `.ndjson`, `.csv` or `.tsv` file, also
 * compressed as `.gz`; or standard input for "-" and any named pipe, which may contain any of these.
 * docs/prompts-and-encoders.md describes the forms.
 * @param standardInput the stream read for "-"; default: the standard input of this process
 * @param signal aborts waiting for input
 * @param fields where the prompts are, if the forms do not say it
 * @throws DndError FILE_NOT_FOUND, READ_FAILED; CORRUPT_FILE when it is not UTF-8 or damaged gzip; INVALID_PROMPTS that
 * names the file and the line or item; INVALID_ARGUMENT; `signal.reason`
 */
export async function readPromptSet(
  path: string,
  standardInput?: PromptInput,
  signal?: AbortSignal,
  fields: PromptFields = {},
): Promise<string[]> {
  signal?.throwIfAborted();
  checkFields(fields);
  const take = ({ prompt }: FoundItem) => prompt;
  if (path !== '-') return readItems(path, take, fields, signal);
  if (standardInput !== undefined && !(Symbol.asyncIterator in Object(standardInput)))
    throw new DndError('INVALID_ARGUMENT', `the standard input must be a stream, not ${quoteValue(standardInput)}`);
  const bytes = await readAll(standardInput ?? process.stdin, STANDARD_INPUT, signal);
  return parse(bytes, parseAnything, { source: STANDARD_INPUT, fields }, take);
}

/** A Readable, or any other source of bytes. */
export type PromptInput = AsyncIterable<Uint8Array> & {
  /** Called when reading stops before the end. */
  destroy?(): void;
};

/**
 * Reads a prompt file in any form of `readPromptSet`, with its responses: the field with the response, or the next turn
 * of the assistant.
 * @throws DndError as `readPromptSet`
 */
export async function readPromptItems(path: string, fields: PromptFields = {}): Promise<PromptItem[]> {
  return readItems(path, withResponse, checkFields(fields));
}

function withResponse({ prompt, response }: FoundItem): PromptItem {
  return { prompt, response: response() };
}

async function readItems<Item>(
  path: string,
  take: (item: FoundItem) => Item,
  fields: PromptFields,
  signal?: AbortSignal,
): Promise<Item[]> {
  checkPath(path, 'the prompt file');
  const parser = await parserOf(path);
  const input = await openInput(path).catch((error) => {
    throw readError(error, `prompt file ${path}`);
  });
  return parse(await readAll(input, path, signal), parser, { source: path, fields }, take);
}

async function parserOf(path: string): Promise<Parser> {
  const status = await stat(path).catch((error) => {
    throw readError(error, `prompt file ${path}`);
  });
  if (status.isDirectory()) {
    throw new DndError('READ_FAILED', `prompt file ${path} cannot be read: it is a folder; name a file in it`);
  }
  return status.isFile() ? parserFor(path) : parseAnything;
}

async function readAll(stream: PromptInput, source: string, signal?: AbortSignal): Promise<Uint8Array> {
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
  throw tooLarge(source);
}

function tooLarge(source: string): DndError {
  return invalidPrompts(
    source,
    `it is larger than ${LARGEST_BYTES / 2 ** 20} MiB, the limit. Give a few hundred prompts of the task`,
  );
}

async function parse<Item>(
  bytes: Uint8Array,
  parser: Parser,
  context: Context,
  take: (item: FoundItem) => Item,
): Promise<Item[]> {
  const { source } = context;
  const text = await decompressed(bytes, source, LARGEST_BYTES);
  if (text === undefined) throw tooLarge(source);
  // As text, a Git LFS pointer or an error page would be a prompt per line.
  const other = whatTextIs(text);
  if (other !== undefined) throw invalidPrompts(source, other);
  return collect(parser(decodeUtf8(text, source), context), source, take);
}

async function collect<Item>(
  found: ReturnType<Parser>,
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
 * Without an extension: JSON if it starts like JSON, CSV if its first line names columns of prompts and responses, else
 * text. A text line may also start with a bracket, as in "[INST]".
 */
function parseAnything(text: string, context: Context): ReturnType<Parser> {
  if (/^[\s\ufeff]*(?:\[\s*["{[\]]|\{\s*")/.test(text)) return parseJson(text, context);
  const separator = csvSeparator(text);
  return separator === undefined ? parseText(text, context) : parseCsv(text, context, [separator]);
}

/** The items of a list in another JSON file, with their responses. @param what the list, as in "train in tasks/a.json" */
export async function promptItemsOf(
  list: readonly unknown[],
  what: string,
  fields: PromptFields = {},
): Promise<PromptItem[]> {
  return collect(itemsOfDocument(list, undefined, { source: what, fields: checkFields(fields) }), what, withResponse);
}
