import { OpenFile } from './open-file.js';

/**
 * The bytes of a file from its first to its last, in pieces; the next one is read while the caller works on one. A
 * piece is valid until the next is asked for. Errors: those of node:fs.
 */
export async function* readPieces(path: string, pieceBytes: number): AsyncGenerator<Uint8Array, void, void> {
  const file = await OpenFile.open(path, 'r');
  try {
    let [current, following] = [new Uint8Array(pieceBytes), new Uint8Array(pieceBytes)];
    for (let bytesRead = await file.read(current); bytesRead > 0; ) {
      const reading = file.read(following);
      // Looked at below; until then nobody waits for it.
      reading.catch(() => {});
      yield current.subarray(0, bytesRead);
      bytesRead = await reading;
      [current, following] = [following, current];
    }
  } finally {
    await file.close();
  }
}
