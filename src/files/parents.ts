import { mkdir, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OpenFile } from './open-file.js';

/**
 * Creates the missing folders above `path`. Returns a function that removes those that are still empty, for use after a
 * failed write.
 */
export async function makeParents(path: string): Promise<() => Promise<void>> {
  const parent = dirname(path);
  const first = await mkdir(parent, { recursive: true });
  return async () => {
    if (first === undefined) return;
    try {
      for (let folder = parent; folder.length >= first.length; folder = dirname(folder)) await rmdir(folder);
    } catch {
      // Another process has written a file there meanwhile: the folder stays.
    }
  };
}

/** Makes a rename in `folder` durable if the platform supports it. */
export async function syncFolder(folder: string): Promise<void> {
  const opened = await OpenFile.open(folder, 'r').catch(() => undefined);
  await opened?.sync().catch(() => {});
  await opened?.close();
}
