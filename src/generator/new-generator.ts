import { type AdapterLayout, type BaseModel, readBaseModel } from '../adapter/index.js';
import { loadTextEncoder, type TextEncoder } from '../encoder/index.js';
import { checkEngineSettings, cpuUse, DecoderEngine, type DeviceUse } from '../engine/index.js';
import { writeFolderAtomically } from '../files/index.js';
import { checkOptions, checkPath } from '../validation/index.js';
import { decoderOf, planGenerator, requireNoTrainingData } from './create.js';
import { conditionShape, type DecoderShape } from './decoder-shape.js';
import { initialValues } from './decoder-weights.js';
import type { CreateOptions } from './load-options.js';
import { type GeneratorManifest, layoutOf, MANIFEST_FILE } from './manifest.js';
import { type SaveOptions, saveGenerator } from './save.js';

/** What is known of a new generator before its text encoder is loaded. */
export interface NewParts {
  decoder: DecoderShape;
  base: BaseModel;
}

/** Checks the options of `Generator.create`, and reads the base model's shape. Errors: as `Generator.create` */
export async function newParts(options: CreateOptions): Promise<NewParts> {
  checkEngineSettings(checkOptions(options, 'options of Generator.create'));
  checkPath(options.encoder, "encoder (a folder, or 'hash')");
  options.signal?.throwIfAborted();
  requireNoTrainingData(options);
  const decoder = decoderOf(options);
  return { decoder, base: typeof options.base === 'string' ? await readBaseModel(options.base) : options.base };
}

/** Loads the text encoder, which the caller owns, and describes the generator. Errors: as `Generator.create` */
export async function planNew(
  { decoder, base }: NewParts,
  options: CreateOptions,
  device: DeviceUse,
): Promise<{ manifest: GeneratorManifest; layout: AdapterLayout; encoder: TextEncoder }> {
  const [, , channels] = conditionShape(decoder);
  const { threads, signal, encoderLayer: layer } = options;
  const encoder = await loadTextEncoder(options.encoder, { threads, signal, channels, device, layer });
  try {
    const manifest = planGenerator(options, decoder, base, encoder);
    return { manifest, layout: layoutOf(manifest), encoder };
  } catch (error) {
    encoder.dispose();
    throw error;
  }
}

/**
 * Writes an untrained generator as `Generator.create` and `save` would, without ever having its parameters in memory.
 * @returns its description
 * @throws DndError as `Generator.create` and `Generator.save`
 */
export async function writeNewGenerator(
  folder: string,
  options: CreateOptions & Pick<SaveOptions, 'force' | 'dtype'>,
): Promise<GeneratorManifest> {
  const parts = await newParts(options);
  const { threads, force, dtype, signal, onProgress } = options;
  const device = cpuUse(null);
  let manifest: GeneratorManifest | undefined;
  // The folder is created before the work, so that an unwritable one fails early.
  await writeFolderAtomically(folder, { force, signal, marker: MANIFEST_FILE }, async (staging) => {
    const planned = await planNew(parts, options, device);
    manifest = planned.manifest;
    let engine: DecoderEngine | undefined;
    try {
      engine = await DecoderEngine.create({ ...manifest.decoder, threads, device, mapped: true });
      const written = {
        ...planned,
        weights: initialValues(engine, manifest.training.seed, signal),
        encoderFolder: manifest.encoder.type === 'hash' ? undefined : options.encoder,
        basis: undefined,
        projection: undefined,
      };
      await saveGenerator(written, staging, { dtype, signal, onProgress });
    } finally {
      engine?.dispose();
      planned.encoder.dispose();
    }
  });
  return manifest!;
}
