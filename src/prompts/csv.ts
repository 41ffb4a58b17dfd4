import { quoteValue } from '../validation/index.js';
import { firstRow, OtherSeparators, readRows, SEPARATORS, TAB, withoutMarks } from './csv-rows.js';
import { type Context, NAME_PROMPT_FIELD } from './fields.js';
import { type FoundItem, itemOf, plainItem } from './item.js';
import { isHeading, isItemField, isResponseField, nearestForm } from './names.js';
import { invalidPrompts, isBlank } from './problems.js';

/** The line in which Excel names the separator. */
const EXCEL_SEPARATOR = /^\s*"?sep=([^"\s]|\t)"?[ \t]*(?=[\r\n])/i;

/**
 * Rows with a header, whose columns are fields of items as in JSON files, separated by commas, semicolons or tabs; or a
 * single column without a header, where every row is a prompt. Rows without any text are skipped, and so are repeated
 * headers, as concatenated files have them.
 * @param separators in the order in which they are tried; the first is that of a text without a header
 */
export async function* parseCsv(
  text: string,
  context: Context,
  separators = SEPARATORS,
): AsyncGenerator<FoundItem | undefined> {
  const excel = EXCEL_SEPARATOR.exec(text);
  // Its line break stays, for the numbers of lines.
  const rows = withoutMarks(excel ? text.slice(excel[0].length) : text, context);
  const candidates = excel ? [excel[1]!] : separators;
  const separator = candidates.find((one) => hasPrompts(firstRow(rows, one), context)) ?? candidates[0]!;
  const others = new OtherSeparators(separator);
  let header: readonly string[] | null | undefined;
  for await (const { record, line } of readRows(rows, separator, context)) {
    if (record.every(isBlank)) {
      yield undefined;
      continue;
    }
    if (header === undefined) {
      header = headerOf(record, context);
      if (header) continue;
    }
    const where = `that ends in line ${line}`;
    if (header === null) {
      others.add(record[0]!);
      yield plainItem(record[0]!, where, context);
    } else {
      const names = header;
      const repeated = record.every((cell, index) => cell.trim() === names[index]);
      yield repeated
        ? undefined
        : itemOf(Object.fromEntries(names.map((name, at) => [name, record[at]])), where, context);
    }
  }
  others.refuseColumns(context);
}

/** As `parseCsv`, for a file that is called so for its tabs. */
export function parseTsv(text: string, context: Context): AsyncGenerator<FoundItem | undefined> {
  return parseCsv(text, context, [TAB, ...SEPARATORS.filter((separator) => separator !== TAB)]);
}

/** The separator by which the first row of a text without a name names columns of prompts and responses. */
export function csvSeparator(text: string): string | undefined {
  return SEPARATORS.find((separator) => {
    const header = firstRow(text, separator);
    return header.some(isItemField) && header.some(isResponseField);
  });
}

function hasPrompts(header: readonly string[], { fields: { promptField } }: Context): boolean {
  if (promptField === undefined) return header.some(isItemField);
  const names = header.map((name) => name.trim().toLowerCase());
  const asked = promptField.toLowerCase();
  return names.includes(asked) || asked.split(',').every((name) => names.includes(name.trim()));
}

/**
 * The names of the columns, from the first row; null for a single column of prompts without a name.
 * @throws DndError INVALID_PROMPTS for columns of which none is known to have prompts, and where it is not clear
 */
function headerOf(row: readonly string[], context: Context): readonly string[] | null {
  const { source, fields } = context;
  const header = row.map((name) => name.trim());
  if (hasPrompts(row, context)) {
    const seen = new Set<string>();
    const twice = header.find((name) => name !== '' && seen.size === seen.add(name).size);
    if (twice === undefined) return header;
    throw invalidPrompts(source, `two of its columns are called ${quoteValue(twice)}; rename one`);
  }
  if (fields.promptField !== undefined)
    throw invalidPrompts(
      source,
      `none of its columns ${quoteValue(row)} is named ${quoteValue(fields.promptField)}, as promptField (--prompt-field) is`,
    );
  if (row.length > 1)
    throw invalidPrompts(
      source,
      `none of its columns ${quoteValue(row)} is known to have prompts; the nearest known form is ${nearestForm(row)}. ${NAME_PROMPT_FIELD}, or rename the column to "prompt"`,
    );
  if (isHeading(row[0]!))
    throw invalidPrompts(
      source,
      `its first row, ${quoteValue(row[0])}, may be the name of its only column, or a prompt. If it is a name, rename it to "prompt"; if not, write "prompt" above it`,
    );
  return null;
}
