import { type FloatDtypeName, PEFT_CONFIG_FILE } from '../adapter/index.js';
import { type FolderNames, readAdapters } from '../comparison/read-adapters.js';
import { checkFolderOutput, refuseInputAsOutput } from '../files/index.js';
import { checkPath, invalidValue } from '../validation/index.js';
import { composeAdapters } from './compose.js';
import type { CompositionReport } from './composed-adapter.js';

export interface ComposeFoldersOptions {
  /** One for each adapter. */
  weights: readonly number[];
  names?: FolderNames | undefined;
  out: string;
  rank?: number | undefined;
  dtype?: FloatDtypeName | undefined;
  force?: boolean | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((fraction: number, stage: 'read' | 'compose' | 'save') => void) | undefined;
}

/**
 * `composeAdapters` from PEFT folders to a PEFT folder.
 * @throws DndError as `composeAdapters`, `readPeft` and `ComposedAdapter.save`; INVALID_ARGUMENT when the output is an
 * input, or for another number of weights than of adapters
 */
export async function composeFolders(
  folders: readonly string[],
  { weights, names, out, rank, dtype, force, signal, onProgress }: ComposeFoldersOptions,
): Promise<CompositionReport> {
  for (const path of [out, ...folders]) checkPath(path, 'the folder of an adapter');
  if (weights.length !== folders.length)
    throw invalidValue(
      'INVALID_ARGUMENT',
      'the weights',
      `as many as adapters, ${folders.length}`,
      weights.length === 0 ? undefined : weights,
    );
  await refuseInputAsOutput(out, folders);
  await checkFolderOutput(out, { force, marker: PEFT_CONFIG_FILE });
  const stage = (name: 'read' | 'compose' | 'save') => onProgress && ((fraction: number) => onProgress(fraction, name));
  const adapters = await readAdapters(folders, { names, signal, onProgress: stage('read') });
  const weighted = adapters.map((adapter, i) => ({ ...adapter, weight: weights[i]! }));
  const composed = await composeAdapters(weighted, { rank, signal, onProgress: stage('compose') });
  await composed.save(out, { dtype, force, signal, onProgress: stage('save') });
  return composed.report;
}
