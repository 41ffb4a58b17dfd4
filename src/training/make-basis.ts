import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrainerEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import { Basis } from '../generator/basis.js';
import { BASIS_FILE, requireBasisMemory, roundDirections, writeBasis } from '../generator/basis-file.js';
import type { GeneratorManifest } from '../generator/manifest.js';
import { LearnedBasisDecoder } from './learned-basis.js';
import { principalDirections } from './pairs/index.js';
import type { Preparation } from './prepare.js';
import type { MakeOptions } from './trainer-parts.js';

/**
 * Refuses the setting basis where the training tasks cannot have as many directions.
 * @throws DndError INVALID_ARGUMENT, INVALID_PAIRS
 */
export function requireDirections({ split, pairs, settings }: Pick<Preparation, 'split' | 'pairs' | 'settings'>): void {
  const { basis, basisKind } = settings;
  if (basis === undefined || basisKind === 'learned') return;
  const tasks = split.training.length;
  if (split.training.some(({ checkpoints }) => checkpoints.length === 0))
    throw new DndError(
      'INVALID_PAIRS',
      `pairs folder ${pairs.folder}: the training tasks have no checkpoints, and the directions of a basis are those in which checkpoints differ. Add checkpoints, or leave basis out`,
    );
  if (basis < tasks) return;
  throw new DndError(
    'INVALID_ARGUMENT',
    `basis: ${tasks} training tasks differ in at most ${tasks - 1} directions; expected a basis of at most as many, got ${basis}. ` +
      'Lower it, or add tasks',
  );
}

/**
 * Computes the basis of the setting from the checkpoints of the training tasks alone and keeps it in the run: a resumed run
 * must not compute it again, since its pairs may have changed. Without the setting it does nothing.
 * @param preparation with the layout's mean adapter and scales
 * @throws DndError OUT_OF_MEMORY; as `principalDirections`; `signal.reason`
 */
export async function makeBasis(
  preparation: Preparation,
  folder: string,
  { signal, onProgress }: MakeOptions,
): Promise<void> {
  // A run that was killed before it wrote run.json may have left the file of other settings.
  await rm(join(folder, BASIS_FILE), { force: true });
  const { layout, split, settings, weights } = preparation;
  const { basis: count, basisKind } = settings;
  if (count === undefined || basisKind === 'learned') return;
  requireBasisMemory(count, layout);
  const directions = await principalDirections(split.training, layout, count, {
    read: weights.read,
    signal,
    onProgress: (fraction) => onProgress?.(fraction, 'basis'),
  });
  await roundDirections(directions, signal);
  const basis = await Basis.from(directions, count, { signal });
  await writeBasis(folder, basis, layout, { signal });
  useBasis(preparation, basis);
}

/** Ends the decoder in coefficients of the basis from here on; without one nothing changes. */
export function useBasis(preparation: Preparation, basis: Basis | undefined): void {
  if (basis === undefined) return;
  preparation.basis = basis;
  preparation.manifest = withBasis(preparation.manifest, basis);
}

/** Names the directions of the basis. */
export function withBasis(manifest: GeneratorManifest, basis: Basis): GeneratorManifest {
  return { ...manifest, adapter: { ...manifest.adapter, basisSha256: basis.sha256 } };
}

/**
 * The decoder with the basis that is learned with it, not filled; null without one.
 * @throws DndError OUT_OF_MEMORY; `signal.reason`
 */
export async function learnedBasis(
  preparation: Preparation,
  engine: TrainerEngine,
  signal: AbortSignal | undefined,
): Promise<LearnedBasisDecoder | null> {
  const { settings, layout, manifest } = preparation;
  const { basis: count, basisKind } = settings;
  if (count === undefined || basisKind !== 'learned') return null;
  requireBasisMemory(4 * count, layout);
  const learned = await LearnedBasisDecoder.create(
    { engine, decoder: manifest.decoder, count, size: layout.size, settings },
    signal,
  );
  preparation.basis = learned.basis;
  return learned;
}
