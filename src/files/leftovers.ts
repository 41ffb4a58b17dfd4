import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePartialName } from './partial-name.js';
import { hasEnded } from './process-identity.js';

/**
 * Removes incomplete output of killed processes from `folder`, and restores the name of what they were replacing if the
 * replacement never took its place. Output that may belong to a running process, on this machine or another that shares
 * the disk, is left alone, as is what cannot be removed.
 */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch((): string[] => [])) {
    const partial = parsePartialName(name);
    // Partial names are unique to a process and never reused, so only names of ended processes are touched.
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
    // Another process is cleaning up too.
  }
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
