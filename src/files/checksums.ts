import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DndError } from '../errors.js';
import { checkFormatVersion } from '../validation/index.js';
import { sha256OfFiles } from './digest.js';
import { readError } from './errors.js';
import { kindOf } from './exists.js';
import { readJson } from './read.js';
import { writeFileAtomically } from './write-file.js';

/** In the folder of the files it covers. */
export const CHECKSUMS_FILE = 'checksums.json';
const FORMAT_VERSION = 1;
const FIX = 'The file is damaged: use an earlier checkpoint, or a copy of this one';

/** File name → SHA-256 in hexadecimal. */
export type Checksums = ReadonlyMap<string, string>;

interface Content {
  formatVersion: number;
  files: Record<string, string>;
  /** Of all fields above, as JSON without spaces. In every format version. */
  ownSha256: string;
}

/** Writes the checksums that `verifyChecksums` compares the folder's files with. Errors: as `writeFileAtomically` */
export async function writeChecksums(folder: string, checksums: Checksums): Promise<void> {
  const content = { formatVersion: FORMAT_VERSION, files: Object.fromEntries(checksums) };
  const text = JSON.stringify({ ...content, ownSha256: digestOf(content) }, null, 2);
  await writeFileAtomically(join(folder, CHECKSUMS_FILE), `${text}\n`);
}

export interface VerifyOptions {
  /** Which files to read. Default: all that have a checksum */
  only?: ((name: string) => boolean) | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((fraction: number) => void) | undefined;
}

/**
 * Checks that files still have the bytes that were written; folders without checksums are accepted.
 * @throws DndError CORRUPT_FILE for a file with different bytes; FILE_NOT_FOUND, READ_FAILED, NEWER_FORMAT;
 * `signal.reason`
 */
export async function verifyChecksums(folder: string, options: VerifyOptions = {}): Promise<void> {
  const { only = () => true, signal, onProgress } = options;
  const checksums = await readChecksums(folder);
  const names = [...checksums.keys()].filter(only);
  const sizes = await Promise.all(names.map((name) => sizeOf(join(folder, name))));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let done = 0;
  for (const name of names) {
    const path = join(folder, name);
    const found = await sha256OfFiles([path], signal, (count) => {
      done += count;
      onProgress?.(Math.min(1, done / total));
    });
    if (found === checksums.get(name)) continue;
    throw new DndError(
      'CORRUPT_FILE',
      `${path}: its bytes are not those that were written; expected SHA-256 ${checksums.get(name)}, got ${found}. ${FIX}`,
    );
  }
}

async function readChecksums(folder: string): Promise<Checksums> {
  const path = join(folder, CHECKSUMS_FILE);
  if ((await kindOf(path)) === undefined) return new Map();
  const { ownSha256, ...content } = Object(await readJson(path)) as Content;
  if (ownSha256 !== digestOf(content))
    throw new DndError('CORRUPT_FILE', `${path}: its content is not what was written. ${FIX}`);
  checkFormatVersion(content.formatVersion, FORMAT_VERSION, 'checksums', path);
  const entries = Object.entries<string>(Object(content.files));
  // A path could lead out of the folder.
  const outside = entries.find(([name]) => basename(name) !== name || name.includes('\\'));
  if (outside) throw new DndError('CORRUPT_FILE', `${path}: ${JSON.stringify(outside[0])} is not the name of a file`);
  return new Map(entries);
}

function digestOf(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

async function sizeOf(path: string): Promise<number> {
  const status = await stat(path).catch((error) => {
    throw readError(error, path);
  });
  // Opening a pipe would wait for its other end.
  if (!status.isFile()) throw new DndError('READ_FAILED', `${path} cannot be read: it is not a file`);
  return status.size;
}
