import { pipeline, Readable } from 'node:stream';
import { CsvError, type InfoRecord, parse } from 'csv-parse';
import { CsvError as CsvErrorAtOnce, parse as parseAtOnce } from 'csv-parse/sync';
import { eventLoopYielder } from '../async/index.js';
import { quoteValue } from '../validation/index.js';
import type { FoundItem } from './item.js';
import { checkPrompt, invalidPrompts } from './problems.js';

interface Row {
  record: string[];
  info: InfoRecord;
}

/** In characters: a longer first row is not a header. */
const LONGEST_HEADER = 2 ** 16;
/** Characters parsed at once, in a few milliseconds. */
const PIECE_BYTES = 2 ** 16;

/**
 * Comma-separated values with a `prompt` column in the header (case-insensitive), or a single column without a header,
 * where every row is a prompt. With a header, columns may also be separated by semicolons or tabs, as some spreadsheets
 * write them. A `response` column contains the responses.
 */
export async function* parseCsv(text: string, source: string): AsyncGenerator<FoundItem | undefined> {
  const header = text.slice(0, LONGEST_HEADER);
  const delimiter = [',', ';', '\t'].find((candidate) => columnOf('prompt', firstRow(header, candidate)) >= 0) ?? ',';
  let columns: { prompt: number; response: number } | undefined;
  for await (const { record, info } of readRows(text, delimiter, source)) {
    if (columns === undefined) {
      columns = columnsOf(record, source);
      if (columns.prompt >= 0) continue;
    }
    const where = `that ends in line ${info.lines}`;
    const prompt = checkPrompt(record[Math.max(columns.prompt, 0)]!, source, where);
    yield { prompt, response: columns.prompt < 0 ? undefined : record[columns.response], where };
  }
}

function columnsOf(header: readonly string[], source: string): { prompt: number; response: number } {
  const prompt = columnOf('prompt', header);
  if (prompt >= 0 || header.length <= 1) return { prompt, response: columnOf('response', header) };
  throw invalidPrompts(
    source,
    `none of its columns ${quoteValue(header)} is named "prompt". Rename the column with the prompts`,
  );
}

function columnOf(title: string, header: readonly string[]): number {
  return header.findIndex((name) => name.trim().toLowerCase() === title);
}

/** Parses the header only: empty if malformed, which is reported when all rows are read. */
function firstRow(text: string, delimiter: string): string[] {
  try {
    const [row = []] = parseAtOnce(text, { delimiter, to: 1, skip_empty_lines: true });
    return row;
  } catch (error) {
    if (error instanceof CsvErrorAtOnce) return [];
    throw error;
  }
}

async function* readRows(text: string, delimiter: string, source: string): AsyncGenerator<Row> {
  const rows = parse({ delimiter, info: true, skip_empty_lines: true });
  // Its failure is reported by the rows.
  pipeline(Readable.from(pieces(Buffer.from(text))), rows, () => {});
  try {
    for await (const row of rows) yield row as Row;
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const advice = ' (prompts with commas, quotes or line breaks go between double quotes)';
    throw invalidPrompts(source, `it is not valid CSV: ${cause.message}${advice}`, { cause });
  } finally {
    rows.destroy();
  }
}

async function* pieces(bytes: Buffer): AsyncGenerator<Buffer> {
  const yieldToEventLoop = eventLoopYielder();
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    await yieldToEventLoop();
    yield bytes.subarray(start, start + PIECE_BYTES);
  }
}
