import { CsvError, type InfoRecord, parse } from 'csv-parse/sync';
import type { FoundItem } from './item.js';
import { checkPrompt, invalidPrompts, shortly } from './problems.js';

interface Row {
  record: string[];
  info: InfoRecord;
}

/**
 * Comma-separated values with the prompts in the column that the first row calls `prompt` (in any case); or with one
 * column and no such name, and then every row is a prompt. Columns may also be separated by semicolons or tabs, as
 * spreadsheets in some countries write them, if the first row names the prompts. A column called `response` holds the
 * responses.
 */
export function parseCsv(text: string, source: string): FoundItem[] {
  const delimiter = [',', ';', '\t'].find((candidate) => columnOf('prompt', firstRow(text, candidate)) >= 0) ?? ',';
  const rows = readRows(text, delimiter, source);
  const header = rows[0]?.record ?? [];
  const column = columnOf('prompt', header);
  const answers = columnOf('response', header);
  if (column < 0 && header.length > 1) {
    throw invalidPrompts(
      source,
      `none of its columns ${shortly(header)} is called "prompt"; call the one that holds the prompts so`,
    );
  }
  const items = column < 0 ? rows : rows.slice(1);
  return items.map(({ record, info }) => {
    const where = `that ends in line ${info.lines}`;
    const prompt = checkPrompt(record[Math.max(column, 0)]!, source, where);
    return { prompt, response: column < 0 ? undefined : record[answers], where };
  });
}

function columnOf(wanted: string, header: readonly string[]): number {
  return header.findIndex((name) => name.trim().toLowerCase() === wanted);
}

/** For a look at the names: empty where it is broken, which is found again and said when all rows are read. */
function firstRow(text: string, delimiter: string): string[] {
  try {
    const [row = []] = parse(text, { delimiter, to: 1, skip_empty_lines: true });
    return row;
  } catch (error) {
    if (error instanceof CsvError) return [];
    throw error;
  }
}

function readRows(text: string, delimiter: string, source: string): Row[] {
  try {
    return parse(text, { delimiter, info: true, skip_empty_lines: true }) as unknown as Row[];
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const advice = ' (prompts with commas, quotes or line breaks go between double quotes)';
    throw invalidPrompts(source, `it is not valid CSV: ${cause.message}${advice}`, { cause });
  }
}
