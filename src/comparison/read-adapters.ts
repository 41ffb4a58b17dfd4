import { readPeft } from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import type { NamedAdapter } from './aligned.js';

/** Reads PEFT folders, each named as it was given. Errors: as `readPeft` */
export async function readAdapters(
  folders: readonly string[],
  { signal, onProgress }: LongOperation = {},
): Promise<NamedAdapter[]> {
  const adapters: NamedAdapter[] = [];
  for (const folder of folders) {
    adapters.push({ name: folder, adapter: await readPeft(folder, { signal }) });
    onProgress?.(adapters.length / folders.length);
  }
  return adapters;
}
