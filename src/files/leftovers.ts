import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePartialName } from './partial-name.js';
import { hasEnded } from './process-identity.js';

/**
 * Removes from `folder` what processes that were killed have left half done, and gives what they were replacing its
 * name again where the new has not come to stand there. What may belong to a running process, of this machine or of
 * another that shares the disk, is left alone, and so is what cannot be removed: the disk is no worse than before.
 */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch((): string[] => [])) {
    const partial = parsePartialName(name);
    // The names of running processes are their own, and no process uses that of another again.
    if (!partial || !hasEnded(partial.owner)) continue;
    const path = join(folder, name);
    if (partial.kind !== 'replaced') await rm(path, { recursive: true, force: true }).catch(() => {});
    else if (partial.target !== undefined) await putBackOrRemove(path, join(folder, partial.target));
  }
}

async function putBackOrRemove(replaced: string, target: string): Promise<void> {
  try {
    if (await exists(target)) await rm(replaced, { recursive: true, force: true });
    else await rename(replaced, target);
  } catch {
    // Another process does the same.
  }
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
