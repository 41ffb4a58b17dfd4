import { join } from 'node:path';
import { type AdapterLayout, ResidualStatistics } from '../adapter/index.js';
import type { WrittenFiles } from '../files/index.js';
import { type SafetensorsFile, writeSafetensors } from '../formats/safetensors/index.js';
import { floatTensor, readFloatTensor, readOwnFile } from './float-tensors.js';
import { type GeneratorManifest, layoutOf } from './manifest.js';

/** In a generator folder and in a run folder, only with the normalisation 'residual'. */
export const NORMALISATION_FILE = 'normalisation.safetensors';

/** Of the scales; the other tensors are the mean adapter, by PEFT name. */
const SCALES = 'scales';
/** What all tensors must fit. */
const FITTED = 'adapter layout';

/**
 * Writes mean adapter and scales, if the layout has them; a layout of the normalisation 'chunk' has no file.
 * @throws DndError DISK_FULL, NOT_WRITABLE; `signal.reason`
 */
export async function writeNormalisation(
  folder: string,
  { residual, tensors }: AdapterLayout,
  options: WrittenFiles & { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  if (!residual) return;
  const mean = tensors.map(({ name, shape, offset }) =>
    floatTensor(name, shape, residual.mean.subarray(offset, offset + shape[0] * shape[1])),
  );
  const sources = [floatTensor(SCALES, [residual.scales.length], residual.scales), ...mean];
  await writeSafetensors(join(folder, NORMALISATION_FILE), sources, options);
}

/**
 * The adapter layout of a generator or a run, able to convert weights: with the mean adapter and scales of the folder if
 * its normalisation is 'residual'.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, SHAPE_MISMATCH: all name the file; `signal.reason`
 */
export async function readLayout(
  folder: string,
  manifest: Pick<GeneratorManifest, 'base' | 'adapter'>,
  signal?: AbortSignal,
): Promise<AdapterLayout> {
  const layout = layoutOf(manifest);
  if (layout.normalisation === 'chunk') return layout;
  const residual = await readOwnFile(join(folder, NORMALISATION_FILE), manifest.adapter.normalisationSha256, (file) =>
    readResidual(file, layout, signal),
  );
  return layout.withResidual(residual);
}

async function readResidual(
  file: SafetensorsFile,
  layout: AdapterLayout,
  signal: AbortSignal | undefined,
): Promise<ResidualStatistics> {
  const mean = new Float32Array(layout.elementCount);
  for (const { name, shape, offset } of layout.tensors) {
    signal?.throwIfAborted();
    mean.set(await readFloatTensor(file, name, shape, FITTED), offset);
  }
  return new ResidualStatistics(mean, await readFloatTensor(file, SCALES, [layout.tokenCount], FITTED));
}
