import { readdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { DndError, type ErrorCode } from '../errors.js';
import { readError, TABLE_EXTENSIONS, tableConversion } from '../files/index.js';
import { parseCsv, parseTsv } from './csv.js';
import type { Context } from './fields.js';
import type { FoundItem } from './item.js';
import { parseJson, parseJsonLines } from './json.js';
import { invalidPrompts } from './problems.js';
import { parseText } from './text.js';

/** Yields the items one by one, or undefined at points where only the event loop should run. */
export type Parser = (
  text: string,
  context: Context,
) => Iterable<FoundItem | undefined> | AsyncIterable<FoundItem | undefined>;

const PARSERS: Readonly<Record<string, Parser>> = {
  '.txt': parseText,
  '.json': parseJson,
  '.jsonl': parseJsonLines,
  '.ndjson': parseJsonLines,
  '.csv': parseCsv,
  '.tsv': parseTsv,
};
export const COMPRESSED = '.gz';

/** The extension by which a prompt file is read, without that of its compression, in lower case. */
function formOf(name: string): string {
  const lower = name.toLowerCase();
  const plain = lower.endsWith(COMPRESSED) ? lower.slice(0, -COMPRESSED.length) : lower;
  return /[^/\\](\.[^./\\]*)$/.exec(plain)?.[1] ?? '';
}

/** @throws DndError INVALID_PROMPTS for another extension, with the conversion if one is known */
export function parserFor(path: string): Parser {
  const form = formOf(path);
  if (Object.hasOwn(PARSERS, form)) return PARSERS[form]!;
  const known = Object.keys(PARSERS).join(', ');
  const conversion = tableConversion(form);
  throw invalidPrompts(
    path,
    conversion === undefined
      ? `prompt files end in ${known}, each also with ${COMPRESSED}; rename it by its contents, or pipe it in as "-"`
      : `${form} files are not read; prompt files end in ${known}, each also with ${COMPRESSED}. ${conversion}`,
  );
}

/** Whether a file of a folder is the prompt file called `stem`, in whichever form, and in any case. */
export function isPromptFile(name: string, stem: string): boolean {
  const form = formOf(name);
  if (!Object.hasOwn(PARSERS, form)) return false;
  const plain = `${stem}${form}`.toLowerCase();
  return [plain, `${plain}${COMPRESSED}`].includes(name.toLowerCase());
}

/**
 * The prompt file called `stem` in a folder, whichever form it has; undefined without one.
 * @param code of the error for several
 * @throws DndError `code` for several, of which one is meant; INVALID_PROMPTS for a lone file of a form that cannot be
 * read, such as Parquet; as `readError`
 */
export async function promptFile(folder: string, stem: string, code: ErrorCode): Promise<string | undefined> {
  const names = await readdir(folder).catch((error) => {
    throw readError(error, folder);
  });
  const found = names.filter((name) => isPromptFile(name, stem)).sort();
  if (found.length > 1)
    throw new DndError(
      code,
      `${folder}: has several files of ${stem}; expected one, got ${found.join(', ')}. Keep one of them`,
    );
  const [name] = found.length > 0 ? found : names.filter((one) => isConvertible(one, stem));
  if (name === undefined) return undefined;
  const path = join(folder, name);
  parserFor(path);
  return path;
}

function isConvertible(name: string, stem: string): boolean {
  return TABLE_EXTENSIONS.some((form) => name.toLowerCase() === `${stem}${form}`.toLowerCase());
}

/** The name of a prompt file without its extensions: `geology` of geology.jsonl.gz. */
export function stemOf(path: string): string {
  const name = basename(path);
  const plain = name.toLowerCase().endsWith(COMPRESSED) ? name.slice(0, -COMPRESSED.length) : name;
  return basename(plain, extname(plain));
}

/** For messages: the names of a prompt file called `stem`. */
export function promptFileNames(stem: string): string {
  return `${Object.keys(PARSERS)
    .map((form) => `${stem}${form}`)
    .join(', ')} (or with ${COMPRESSED})`;
}
