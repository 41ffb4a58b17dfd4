import { readPeft } from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import type { NamedAdapter } from './aligned.js';

/** Names of folders that are not called what the user calls them, such as those of a cache. */
export type FolderNames = ReadonlyMap<string, string>;

/**
 * Reads PEFT folders, each named as it was given unless it has another name, with notes of settings that are ignored.
 * Errors: as `readPeft`
 */
export async function readAdapters(
  folders: readonly string[],
  { names, signal, onProgress }: LongOperation & { names?: FolderNames | undefined } = {},
): Promise<NamedAdapter[]> {
  const adapters: NamedAdapter[] = [];
  for (const folder of folders) {
    const notes: string[] = [];
    const adapter = await readPeft(folder, { signal, onWarning: (warning) => notes.push(warning) });
    adapters.push({ name: names?.get(folder) ?? folder, adapter, notes });
    onProgress?.(adapters.length / folders.length);
  }
  return adapters;
}
