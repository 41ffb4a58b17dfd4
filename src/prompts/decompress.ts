import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { DndError } from '../errors.js';
import { COMPRESSED } from './file-names.js';

/**
 * The bytes of a prompt file, decompressed if they are gzip, whatever their source is called: no UTF-8 text starts as
 * gzip does.
 * @param most the largest size to decompress to
 * @returns undefined if they are more
 * @throws DndError CORRUPT_FILE for damaged gzip, and for a source called .gz that is not gzip
 */
export async function decompressed(bytes: Uint8Array, source: string, most: number): Promise<Uint8Array | undefined> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) {
    if (!source.toLowerCase().endsWith(COMPRESSED)) return bytes;
    throw new DndError(
      'CORRUPT_FILE',
      `${source}: is not gzip, although it is called so; rename it without ${COMPRESSED}`,
    );
  }
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: most });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') return undefined;
    throw new DndError('CORRUPT_FILE', `${source}: is damaged gzip: ${message}; compress or download it again`, {
      cause,
    });
  }
}
