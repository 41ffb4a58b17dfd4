import { mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OpenFile } from './open-file.js';

/**
 * Makes the missing folders above `path`. The function it returns takes away again what was made and is still empty:
 * for when the writing fails.
 */
export async function makeParents(path: string): Promise<() => Promise<void>> {
  const parent = dirname(path);
  const first = await mkdir(parent, { recursive: true });
  return async () => {
    if (first === undefined) return;
    try {
      for (let folder = parent; folder.length >= first.length; folder = dirname(folder)) await rmdir(folder);
    } catch {
      // Someone else has put a file there in the meantime: it stays.
    }
  };
}

/** Makes a rename in `folder` durable where the platform can; elsewhere it does nothing. */
export async function syncFolder(folder: string): Promise<void> {
  const opened = await OpenFile.open(folder, 'r').catch(() => undefined);
  await opened?.sync().catch(() => {});
  await opened?.close();
}
