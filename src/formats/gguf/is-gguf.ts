import { stat } from 'node:fs/promises';
import { OpenFile, readError } from '../../files/index.js';
import { MAGIC } from './header.js';

/**
 * Whether a file begins as GGUF files do; false for what does not exist or is not a file.
 * @throws DndError READ_FAILED
 */
export async function isGguf(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  if (!status?.isFile()) return false;
  let file: OpenFile | undefined;
  try {
    file = await OpenFile.open(path, 'r');
    const start = Buffer.alloc(MAGIC.length);
    await file.read(start, 0);
    return start.toString('latin1') === MAGIC;
  } catch (error) {
    throw readError(error, path);
  } finally {
    await file?.close();
  }
}
