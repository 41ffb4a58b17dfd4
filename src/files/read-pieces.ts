import { OpenFile } from './open-file.js';

/**
 * The bytes of a file in pieces; the next piece is read while the caller processes one. A piece is valid until the next
 * is requested. Errors: those of node:fs.
 */
export async function* readPieces(path: string, pieceBytes: number): AsyncGenerator<Uint8Array, void, void> {
  const file = await OpenFile.open(path, 'r');
  try {
    let [current, following] = [new Uint8Array(pieceBytes), new Uint8Array(pieceBytes)];
    for (let bytesRead = await file.read(current); bytesRead > 0; ) {
      const reading = file.read(following);
      // Awaited below; until then a rejection must not count as unhandled.
      reading.catch(() => {});
      yield current.subarray(0, bytesRead);
      bytesRead = await reading;
      [current, following] = [following, current];
    }
  } finally {
    await file.close();
  }
}
