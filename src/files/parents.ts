import { randomBytes } from 'node:crypto';
import { mkdir, open, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

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

/** A hidden name beside `path` for what is not complete yet. */
export function partialName(path: string, kind: 'partial' | 'replaced' | 'removed' = 'partial'): string {
  // File systems allow names of 255 bytes; a character takes at most 4.
  const name = basename(path).slice(0, 50);
  return join(dirname(path), `.${name}.${kind}-${process.pid}-${randomBytes(4).toString('hex')}`);
}

/** Makes a rename in `folder` durable where the platform can; elsewhere it does nothing. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}
