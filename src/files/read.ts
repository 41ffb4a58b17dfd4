import { readFile, stat } from 'node:fs/promises';
import { DndError, type ErrorCode } from '../errors.js';
import { readError } from './errors.js';
import { parseJsonText } from './json.js';
import { OpenFile } from './open-file.js';
import { whatItIs } from './sniff.js';

const LINE_FEED = 10;
const LARGEST_BYTES = 2 ** 30;

/** The number, from 1, of the first line that is not UTF-8. */
function firstInvalidLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const feed = bytes.indexOf(LINE_FEED, start);
    const end = feed === -1 ? bytes.length : feed;
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    start = end + 1;
  }
  return line;
}

/**
 * Decodes UTF-8 strictly and drops a byte order mark.
 * @param source the source of the bytes, for the error: a path, or "standard input"
 * @param invalidCode the code of the error for bytes that are not UTF-8
 */
export function decodeUtf8(bytes: Uint8Array, source: string, invalidCode: ErrorCode = 'CORRUPT_FILE'): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const other = whatItIs(bytes);
    if (other !== undefined) throw new DndError(invalidCode, `${source} is not text: ${other}`, { cause });
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    const where = utf16 ? 'it looks like UTF-16' : `line ${firstInvalidLine(bytes)} is the first invalid one`;
    throw new DndError(invalidCode, `${source} is not UTF-8 text: ${where}; save it as UTF-8`, { cause });
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  const status = await stat(path);
  // Pipes and /proc files do not report their size, and too large a file has its own error.
  if (!status.isFile() || status.size === 0 || status.size > LARGEST_BYTES) return readFile(path);
  const file = await OpenFile.open(path, 'r');
  try {
    const bytes = new Uint8Array(status.size);
    let done = 0;
    for (let count = -1; count !== 0 && done < bytes.length; done += count)
      count = await file.read(bytes.subarray(done));
    return bytes.subarray(0, done);
  } finally {
    await file.close();
  }
}

/**
 * A whole text file, decoded strictly as UTF-8, without its byte order mark.
 * @param what the kind of file ("prompt file"), for the error message
 * @param options.invalidCode the code of the error for bytes that are not UTF-8; default: CORRUPT_FILE
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, or `invalidCode`
 */
export async function readText(path: string, what: string, options: { invalidCode?: ErrorCode } = {}): Promise<string> {
  const bytes = await readBytes(path).catch((error) => {
    throw readError(error, `${what} ${path}`);
  });
  return decodeUtf8(bytes, `${what} ${path}`, options.invalidCode);
}

/**
 * The value in a JSON file.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, or CORRUPT_FILE when it is not UTF-8 or not JSON
 */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path, 'JSON file');
  try {
    return parseJsonText(text);
  } catch (cause) {
    throw new DndError('CORRUPT_FILE', `${path} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
}
