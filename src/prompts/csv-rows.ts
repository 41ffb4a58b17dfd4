import { pipeline, Readable } from 'node:stream';
import { CsvError, type InfoRecord, parse } from 'csv-parse';
import { CsvError as CsvErrorAtOnce, parse as parseAtOnce } from 'csv-parse/sync';
import { eventLoopYielder } from '../async/index.js';
import type { Context } from './fields.js';
import { invalidPrompts, isBlank, markWithin } from './problems.js';

export interface Row {
  record: string[];
  info: InfoRecord;
}

export const SEPARATORS: readonly string[] = [',', ';', '\t'];

/** In characters: a longer first row is not a header. */
const LONGEST_HEADER = 2 ** 16;
/** Bytes parsed at once, in a few milliseconds. */
const PIECE_BYTES = 2 ** 16;
const MARK = '\ufeff';

/** Parses the header only: empty if malformed, which is reported when all rows are read. */
export function firstRow(text: string, delimiter: string): string[] {
  try {
    const options = { delimiter, relax_quotes: delimiter === '\t', skip_empty_lines: true };
    const [row = []] = parseAtOnce(text.slice(0, LONGEST_HEADER), { ...options, to: 1 });
    return row;
  } catch (error) {
    if (error instanceof CsvErrorAtOnce) return [];
    throw error;
  }
}

/** @throws DndError INVALID_PROMPTS for malformed CSV */
export async function* readRows(text: string, delimiter: string, { source }: Context): AsyncGenerator<Row> {
  // Writers of tabs often leave quotes as they are.
  const rows = parse({ delimiter, relax_quotes: delimiter === '\t', info: true, skip_empty_lines: true });
  // Its failure is reported by the rows.
  pipeline(Readable.from(pieces(Buffer.from(text))), rows, () => {});
  try {
    for await (const row of rows) yield row as Row;
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
      `it is ambiguous: each of its rows is one prompt, or ${other.columns} columns separated by ${other.separator === '\t' ? 'tabs' : JSON.stringify(other.separator)}. If they are columns, name that of the prompts "prompt"; if not, write "prompt" above the first row`,
    );
  }
}
