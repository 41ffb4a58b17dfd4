import { createHash } from 'node:crypto';
import { readError } from './errors.js';
import { readPieces } from './read-pieces.js';

/** Takes less than a millisecond to hash. */
const PIECE_BYTES = 2 ** 19;

/**
 * SHA-256 of the concatenated files, in hexadecimal; read and hashed in small pieces.
 * @param onBytes called with the number of bytes just read
 * @throws DndError FILE_NOT_FOUND, READ_FAILED; `signal.reason`
 */
export async function sha256OfFiles(
  paths: readonly string[],
  signal?: AbortSignal,
  onBytes?: (count: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) {
    try {
      for await (const piece of readPieces(path, PIECE_BYTES)) {
        signal?.throwIfAborted();
        hash.update(piece);
        onBytes?.(piece.length);
      }
    } catch (error) {
      throw readError(error, path);
    }
  }
  return hash.digest('hex');
}
