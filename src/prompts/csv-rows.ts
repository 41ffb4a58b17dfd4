import { pipeline, Readable } from 'node:stream';
import { CsvError, type InfoRecord, parse } from 'csv-parse';
import { CsvError as CsvErrorAtOnce, parse as parseAtOnce } from 'csv-parse/sync';
import { eventLoopYielder } from '../async/index.js';
import type { Context } from './fields.js';
import { invalidPrompts, isBlank, markWithin } from './problems.js';

export interface Row {
  record: string[];
  /** The number, from 1, of the line in which it ends. */
  line: number;
}

export const TAB = '\t';
export const SEPARATORS: readonly string[] = [',', ';', TAB];

/** In characters: a longer first row is not a header. */
const LONGEST_HEADER = 2 ** 16;
/** Bytes parsed at once, in a few milliseconds. */
const PIECE_BYTES = 2 ** 16;
const MARK = '\ufeff';

/** Parses the header only: empty if malformed, which is reported when all rows are read. */
export function firstRow(text: string, delimiter: string): string[] {
  try {
    const options = { delimiter, relax_quotes: delimiter === TAB, skip_empty_lines: true };
    const [row = []] = parseAtOnce(text.slice(0, LONGEST_HEADER), { ...options, to: 1 });
    return row;
  } catch (error) {
    if (error instanceof CsvErrorAtOnce) return [];
    throw error;
  }
}

/**
 * @throws DndError INVALID_PROMPTS for malformed CSV, and for rows separated by tabs that a stray quote may have joined:
 * writers of tabs often leave quotes as they are
 */
export async function* readRows(text: string, delimiter: string, { source }: Context): AsyncGenerator<Row> {
  const rows = parse({ delimiter, relax_quotes: delimiter === TAB, info: true, skip_empty_lines: true });
  // Its failure is reported by the rows.
  pipeline(Readable.from(pieces(Buffer.from(text))), rows, () => {});
  try {
    // Of a line break of Windows within a cell, both characters are counted as lines.
    let twice = 0;
    for await (const { record, info } of rows as AsyncIterable<{ record: string[]; info: InfoRecord }>) {
      for (const cell of record) twice += cell.includes('\r') ? cell.split('\r\n').length - 1 : 0;
      const line = info.lines - twice;
      if (delimiter === TAB && record.some((cell) => cell.includes(TAB) && /[\r\n]/.test(cell)))
        throw invalidPrompts(
          source,
          `the row that ends in line ${line} is ambiguous: it is several rows, of which two have a single quote, or has a quoted cell with tabs and line breaks. If they are several, write each quote twice, in a quoted cell; if not, save it with commas, as .csv`,
        );
      yield { record, line };
    }
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const advice = ' (prompts with separators, quotes or line breaks go between double quotes)';
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

/**
 * Removes the byte order marks that a concatenation leaves at the start of lines; in quoted cells they stay.
 * @throws DndError INVALID_PROMPTS for one within a line, where the last line of a file may have had no line break
 */
export function withoutMarks(text: string, { source }: Context): string {
  const parts: string[] = [];
  let done = 0;
  let quoted = false;
  let counted = 0;
  for (let mark = text.indexOf(MARK); mark >= 0; mark = text.indexOf(MARK, mark + 1)) {
    for (let quote = text.indexOf('"', counted); quote >= 0 && quote < mark; quote = text.indexOf('"', quote + 1))
      quoted = !quoted;
    counted = mark;
    if (quoted) continue;
    if (mark > 0 && !'\r\n\ufeff'.includes(text[mark - 1]!))
      throw markWithin(text.slice(0, mark).split('\n').length, source);
    parts.push(text.slice(done, mark));
    done = mark + 1;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(done);
}

/** Notices a single column that is rather several, separated in another way. */
export class OtherSeparators {
  readonly #others: { separator: string; columns: number | undefined }[];
  #rows = 0;

  constructor(separator: string) {
    this.#others = SEPARATORS.filter((one) => one !== separator).map((one) => ({ separator: one, columns: undefined }));
  }

  add(row: string): void {
    this.#rows++;
    for (const other of this.#others) {
      if (other.columns === 1) continue;
      const cells = row.split(other.separator);
      const same = !cells.some(isBlank) && (other.columns ?? cells.length) === cells.length;
      other.columns = same ? cells.length : 1;
    }
  }

  /** @throws DndError INVALID_PROMPTS if every row has as many columns, and several */
  refuseColumns({ source }: Context): void {
    const other = this.#others.find(({ columns }) => columns !== undefined && columns > 1);
    if (!other || this.#rows < 2) return;
    throw invalidPrompts(
      source,
      `it is ambiguous: each of its rows is one prompt, or ${other.columns} columns separated by ${other.separator === TAB ? 'tabs' : JSON.stringify(other.separator)}. If they are columns, name that of the prompts "prompt"; if not, write "prompt" above the first row`,
    );
  }
}
