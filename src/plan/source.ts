import { basename, dirname, join } from 'node:path';
import { DndError } from '../errors.js';
import { decoderOf } from '../generator/create.js';
import type { DecoderShape, Feature } from '../generator/decoder-shape.js';
import { generatorFolder } from '../generator/generator-package.js';
import { MANIFEST_FILE, readManifest } from '../generator/manifest.js';
import { PRESET_NAMES, type PresetName } from '../generator/presets.js';
import { checkPath } from '../validation/index.js';

/** Which decoder to plan: exactly one of a generator's folder, a preset, or features with a kernel size. */
export interface PlanSource {
  /** As `Generator.load` takes it; only its `generator.json` is read. */
  generator?: string | undefined;
  preset?: PresetName | undefined;
  features?: readonly Feature[] | undefined;
  kernelSize?: number | undefined;
}

export interface PlannedDecoder {
  /** The folder; null if none was given. */
  generator: string | null;
  preset: string | null;
  decoder: DecoderShape;
}

/** @throws DndError INVALID_ARGUMENT, and for a folder FILE_NOT_FOUND, CORRUPT_FILE, NEWER_FORMAT, SHAPE_MISMATCH */
export async function decoderToPlan({ generator, ...settings }: PlanSource): Promise<PlannedDecoder> {
  const given = [generator, settings.preset, settings.features ?? settings.kernelSize];
  if (given.filter((each) => each !== undefined).length !== 1)
    throw new DndError(
      'INVALID_ARGUMENT',
      `expected exactly one of: a generator folder, features with a kernel size, a preset (${PRESET_NAMES.join(', ')})`,
    );
  if (generator === undefined)
    return { generator: null, preset: settings.preset ?? null, decoder: decoderOf(settings) };
  const path = await generatorFolder(checkPath(generator, 'the generator'));
  const folder = basename(path) === MANIFEST_FILE ? dirname(path) : path;
  const { preset, decoder } = await readManifest(join(folder, MANIFEST_FILE));
  return { generator: folder, preset, decoder };
}
