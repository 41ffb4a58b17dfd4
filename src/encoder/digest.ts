import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readError } from '../files/index.js';

/** Below a millisecond of hashing. */
const CHUNK_BYTES = 2 ** 19;

/**
 * SHA-256 of the files one after the other, as hexadecimal digits; read and hashed in small pieces.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED; `signal.reason`
 */
export async function sha256OfFiles(paths: readonly string[], signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) {
    try {
      for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
        signal?.throwIfAborted();
        hash.update(chunk as Uint8Array);
      }
    } catch (error) {
      throw readError(error, path);
    }
  }
  return hash.digest('hex');
}
