import { readPeft } from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import type { NamedAdapter } from './aligned.js';

/** Reads PEFT folders, each named as it was given, with notes of settings that are ignored. Errors: as `readPeft` */
export async function readAdapters(
  folders: readonly string[],
  { signal, onProgress }: LongOperation = {},
): Promise<NamedAdapter[]> {
  const adapters: NamedAdapter[] = [];
  for (const folder of folders) {
    const notes: string[] = [];
    const adapter = await readPeft(folder, { signal, onWarning: (warning) => notes.push(warning) });
    adapters.push({ name: folder, adapter, notes });
    onProgress?.(adapters.length / folders.length);
  }
  return adapters;
}
