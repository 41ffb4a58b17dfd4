import { readPeft } from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import type { NamedAdapter } from './aligned.js';

/** Names of folders that are not called what the user calls them, such as those of a cache. */
export type FolderNames = ReadonlyMap<string, string>;

/** Reads PEFT folders, each named as it was given unless it has another name. Errors: as `readPeft` */
export async function readAdapters(
  folders: readonly string[],
  { names, signal, onProgress }: LongOperation & { names?: FolderNames | undefined } = {},
): Promise<NamedAdapter[]> {
  const adapters: NamedAdapter[] = [];
  for (const folder of folders) {
    adapters.push({ name: names?.get(folder) ?? folder, adapter: await readPeft(folder, { signal }) });
    onProgress?.(adapters.length / folders.length);
  }
  return adapters;
}
