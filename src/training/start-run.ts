import { rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type AdapterLayout, ResidualStatistics } from '../adapter/index.js';
import type { TrainerEngine } from '../engine/index.js';
import { exists, writeFileAtomically, writeFolderAtomically } from '../files/index.js';
import { BASIS_FILE } from '../generator/basis-file.js';
import { PROJECTION_FILE } from '../generator/condition-projection-file.js';
import { copyEncoderFiles, ENCODER_FOLDER } from '../generator/encoder-folder.js';
import { adapterSettings } from '../generator/manifest.js';
import { NORMALISATION_FILE, writeNormalisation } from '../generator/normalisation-file.js';
import { type BaseWithExamples, baseSha256 } from './behaviour/index.js';
import { makeComponents } from './condition-components.js';
import { resolveSettings, withAbsolutePaths } from './config.js';
import { basisNeed, microBatchFor } from './decoder-memory.js';
import { describeRun } from './describe-run.js';
import { learnedBasis, makeBasis, requireDirections } from './make-basis.js';
import { MetricsFile } from './metrics-file.js';
import { residualOf } from './pairs/index.js';
import { type Preparation, prepare, reportPairs } from './prepare.js';
import { METRICS_FILE, RUN_FILE } from './run-description.js';
import { CACHE_FOLDER, makeRunFolder, removeLeftovers } from './run-folder.js';
import { RunLock } from './run-lock.js';
import type { TrainingSettings } from './settings.js';
import { spreadCoefficients } from './spread-coefficients.js';
import { relativeToStart, startScale } from './start-adapter.js';
import { createEngine, loadBaseFor, type MakeOptions, makeWorkingParts, type TrainerParts } from './trainer-parts.js';

/** Settings and the output folder. For defaults see `SETTINGS`. */
export interface CreateTrainerOptions extends Partial<TrainingSettings>, MakeOptions {
  /** Folder of the prompt–checkpoint pairs. */
  pairs: string;
  /** Folder of a text encoder, or 'hash'. */
  encoder: string;
  /** Output folder of the run, which must not contain a run. */
  out: string;
}

/** Starts a run: once run.json is written it can be resumed; a failure before leaves nothing behind. */
export async function startRun(options: CreateTrainerOptions): Promise<TrainerParts> {
  const { out, signal, onProgress, onNotice, ...given } = options;
  signal?.throwIfAborted();
  const settings = resolveSettings(withAbsolutePaths(given));
  const folder = resolve(out);
  const existed = await exists(folder);
  await makeRunFolder(folder);
  const lock = await RunLock.take(folder).catch(async (error) => {
    if (!existed) await rmdir(folder).catch(() => {});
    throw error;
  });
  let preparation: Preparation | undefined;
  let base: BaseWithExamples | null | undefined;
  let engine: TrainerEngine | undefined;
  let metrics: MetricsFile | undefined;
  try {
    // Another process may have started a run here meanwhile.
    await makeRunFolder(folder);
    await removeLeftovers(folder);
    preparation = await prepare(settings, { signal, onProgress });
    requireDirections(preparation);
    reportPairs(preparation, onNotice);
    base = await loadBaseFor(preparation, options);
    engine = await createEngine(preparation);
    preparation.settings = { ...settings, microBatch: microBatchFor(engine, settings, basisNeed(preparation)) };
    const encoderFolder = await keepEncoder(preparation, folder, signal);
    await normalise(preparation, engine, folder, options);
    await makeBasis(preparation, folder, options);
    const learned = await learnedBasis(preparation, engine, signal);
    await makeComponents(preparation, folder, options);
    const digest = base && (await baseSha256(settings.base!, signal));
    const description = describeRun(preparation, preparation.settings, digest);
    await writeFileAtomically(join(folder, RUN_FILE), `${JSON.stringify(description, null, 2)}\n`, { signal });
    metrics = (await MetricsFile.open(join(folder, METRICS_FILE), 0)).file;
    const { seed } = settings;
    await (learned ?? engine).initialise(seed, {
      signal,
      onProgress: (fraction) => onProgress?.(fraction, 'initialise'),
    });
    const work = await makeWorkingParts(preparation, folder, { engine, learned }, base, options);
    if (learned) await spreadCoefficients(learned, { ...preparation, work }, { signal });
    const position = { step: 0, evaluated: -1, saved: -1 };
    return { ...preparation, folder, lock, metrics, engine, learned, encoderFolder, work, position };
  } catch (error) {
    engine?.dispose();
    base?.model.dispose();
    preparation?.encoder.dispose();
    await metrics?.close();
    if (!(await exists(join(folder, RUN_FILE)))) await removeUnstarted(folder);
    await lock.release();
    if (!existed) await rmdir(folder).catch(() => {});
    throw error;
  }
}

/**
 * Copies the text encoder into the run, so that checkpoints are complete generators and the original is no longer
 * needed.
 */
async function keepEncoder(
  { manifest, settings }: Preparation,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (manifest.encoder.type === 'hash') return undefined;
  const path = join(folder, ENCODER_FOLDER);
  await rm(path, { recursive: true, force: true });
  await writeFolderAtomically(path, { signal }, (staging) => copyEncoderFiles(settings.encoder, staging, signal));
  return path;
}

/**
 * Computes what weight tokens of the normalisation 'residual' are relative to, from the training checkpoints alone or,
 * without any, from the start adapter, and keeps it in the run: a resumed run must not compute it again, since its pairs
 * may have changed.
 */
async function normalise(
  preparation: Preparation,
  engine: TrainerEngine,
  folder: string,
  { signal, onProgress }: MakeOptions,
): Promise<void> {
  const { manifest, split, pairs, settings, weights } = preparation;
  const { read } = weights;
  const checkpoints = split.training.flatMap((task) => task.checkpoints);
  const { seed, startDeviation: deviation, basisKind } = settings;
  const relative =
    checkpoints.length === 0 && pairs.start
      ? await relativeToStart(pairs.start, preparation.layout, {
          // The directions of a learned basis are small themselves.
          scale: basisKind === 'learned' ? 1 : await startScale(engine, manifest.decoder, { seed, deviation, signal }),
          ...{ read, signal },
        })
      : await residualOf(checkpoints, preparation.layout, {
          read,
          signal,
          onProgress: (fraction) => onProgress?.(fraction, 'normalisation'),
        });
  // The directions of a learned basis are small themselves: they change by the learning rate, as the weights of a LoRA do.
  const layout = basisKind === 'learned' ? withUnitScales(relative) : relative;
  // A run that was killed before it wrote run.json may have left the file of another normalisation or other pairs.
  await rm(join(folder, NORMALISATION_FILE), { force: true });
  await writeNormalisation(folder, layout, { signal });
  const { alpha, useRslora } = manifest.adapter;
  preparation.layout = layout;
  preparation.manifest = {
    ...manifest,
    adapter: { ...manifest.adapter, ...adapterSettings(layout, alpha, useRslora) },
  };
}

function withUnitScales(layout: AdapterLayout): AdapterLayout {
  const { mean, scales } = layout.residual!;
  return layout.withResidual(
    new ResidualStatistics(
      mean,
      scales.map(() => 1),
    ),
  );
}

async function removeUnstarted(folder: string): Promise<void> {
  for (const name of [ENCODER_FOLDER, CACHE_FOLDER, NORMALISATION_FILE, BASIS_FILE, PROJECTION_FILE])
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => {});
}
