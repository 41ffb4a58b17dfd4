import { join } from 'node:path';
import { type AdapterLayout, type FloatDtypeName, floatDtype } from '../adapter/index.js';
import { writeFileAtomically, writeFolderAtomically } from '../files/index.js';
import type { Basis } from './basis.js';
import { writeBasis } from './basis-file.js';
import type { ConditionProjection } from './condition-projection.js';
import { writeProjection } from './condition-projection-file.js';
import { type DecoderValues, saveDecoderWeights } from './decoder-weights.js';
import { copyEncoderFiles, ENCODER_FOLDER } from './encoder-folder.js';
import { type GeneratorManifest, MANIFEST_FILE, manifestText } from './manifest.js';
import { writeNormalisation } from './normalisation-file.js';
import { type OnProgress, Progress } from './progress.js';

/** Options of `Generator.save`. */
export interface SaveOptions {
  /** Replace an existing generator. */
  force?: boolean | undefined;
  /**
   * Dtype of the decoder's parameters. A short one halves the file, and makes adapters that are not bit-identical.
   * Default: 'f32'.
   */
  dtype?: FloatDtypeName | undefined;
  /** Stops the work; the promise rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /** Called with the fraction done, from 0 to 1, and the stage. */
  onProgress?: OnProgress | undefined;
}

interface Saveable {
  manifest: GeneratorManifest;
  layout: AdapterLayout;
  basis: Basis | undefined;
  projection: ConditionProjection | undefined;
  encoderFolder: string | undefined;
  weights: DecoderValues;
}

/**
 * Writes generator.json, the decoder's parameters, what was computed from training data and a copy of the text encoder.
 * @throws DndError INVALID_ARGUMENT, INVALID_WEIGHTS, OUTPUT_EXISTS, NOT_WRITABLE, DISK_FULL; `signal.reason` after an abort
 */
export async function saveGenerator(parts: Saveable, folder: string, options: SaveOptions): Promise<void> {
  const { force, signal } = options;
  const dtype = floatDtype(options.dtype ?? 'f32', 'generators');
  const manifest = manifestText(parts.manifest, 'the generator');
  const progress = new Progress({ save: 1 }, options.onProgress);
  await writeFolderAtomically(folder, { force, signal, marker: MANIFEST_FILE }, async (staging) => {
    if (parts.encoderFolder) await copyEncoderFiles(parts.encoderFolder, join(staging, ENCODER_FOLDER), signal);
    await saveDecoderWeights(staging, parts.weights, { dtype, signal, onProgress: progress.stage('save') });
    await writeNormalisation(staging, parts.layout, { signal });
    await writeBasis(staging, parts.basis, parts.layout, { signal });
    await writeProjection(staging, parts.projection, { signal });
    await writeFileAtomically(join(staging, MANIFEST_FILE), manifest, { signal });
  });
}
