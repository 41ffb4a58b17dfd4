import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { cpuInfo, formatBytes, type TrainerEngine } from '../engine/index.js';
import { DndError, type ErrorCode } from '../errors.js';
import { writeFileAtomically } from '../files/index.js';
import { readBasis } from '../generator/basis-file.js';
import { readProjection } from '../generator/condition-projection-file.js';
import { ENCODER_FOLDER, loadNamedEncoder } from '../generator/encoder-folder.js';
import { readLayout } from '../generator/normalisation-file.js';
import { PACKAGE } from '../package.js';
import { type BaseWithExamples, baseSha256 } from './behaviour/index.js';
import { checkSettings } from './check-setting.js';
import { loadCheckpoint, readTrainingState, type TrainingState } from './checkpoint.js';
import { useComponents } from './condition-components.js';
import { changedSettings, resolveSettings, settingsDigest, withAbsolutePaths } from './config.js';
import { basisNeed, convolutionLimits, microBatchFor } from './decoder-memory.js';
import { describeRun } from './describe-run.js';
import { learnedBasis, useBasis } from './make-basis.js';
import { MetricsFile } from './metrics-file.js';
import { type Preparation, prepare, reportPairs } from './prepare.js';
import { METRICS_FILE, RUN_FILE, type RunDescription, readRunDescription } from './run-description.js';
import {
  type CheckpointFolder,
  checkpointPath,
  linkLatest,
  listCheckpoints,
  removeLeftovers,
  setAside,
} from './run-folder.js';
import { RunLock } from './run-lock.js';
import type { TrainingSettings } from './settings.js';
import { spreadCoefficients } from './spread-coefficients.js';
import { createEngine, loadBaseFor, type MakeOptions, makeWorkingParts, type TrainerParts } from './trainer-parts.js';

/** Settings to change, among those that do not affect the weights, and permitted differences. */
export interface ResumeTrainerOptions extends Partial<TrainingSettings>, MakeOptions {
  /** Accept pairs that differ from those the run started with. Default: false. */
  allowChangedPairs?: boolean | undefined;
  /** Accept another instruction set; results are not bit-identical. Default: false. */
  allowOtherInstructionSet?: boolean | undefined;
}

/** Resumes a run from its newest checkpoint, or from the start if there is none yet. */
export async function resumeRun(path: string, options: ResumeTrainerOptions): Promise<TrainerParts> {
  const { signal, onProgress, onNotice, allowChangedPairs, allowOtherInstructionSet, ...changes } = options;
  signal?.throwIfAborted();
  const folder = resolve(path);
  await readRunDescription(folder);
  const lock = await RunLock.take(folder);
  let preparation: Preparation | undefined;
  let base: BaseWithExamples | null | undefined;
  let engine: TrainerEngine | undefined;
  let metrics: MetricsFile | undefined;
  try {
    const description = await readRunDescription(folder);
    const settings = settingsOf(description, changes, folder);
    await removeLeftovers(folder);
    preparation = await prepareAgain(description, settings, folder, { signal, onProgress });
    if (!allowChangedPairs) requireSamePairs(description, preparation, folder);
    reportPairs(preparation, onNotice);
    base = await loadBaseFor(preparation, options);
    const digest = base && (await baseSha256(preparation.settings.base!, signal));
    requireSameBase(description, digest, preparation.settings, folder);
    engine = await createEngine(preparation);
    microBatchFor(engine, settings, basisNeed(preparation));
    const learned = await learnedBasis(preparation, engine, signal);
    const newest = await loadNewest(folder, { engine, learned }, settings, {
      signal,
      onProgress,
      allowOtherInstructionSet,
    });
    for (const { checkpoint, error } of newest.unreadable)
      onNotice?.(
        `${checkpoint.path} cannot be read and was renamed to ${await setAside(checkpoint)}: ${error.message}`,
      );
    const { state } = newest;
    if (!state) await (learned ?? engine).initialise(settings.seed, { signal });
    else if (state.createdBy !== `${PACKAGE.name} ${PACKAGE.version}`)
      onNotice?.(
        `the checkpoint was written by ${state.createdBy}: results of another version may not be bit-identical`,
      );
    if (state) await linkLatest(folder, checkpointPath(folder, state.step));
    await describeAgain(description, preparation, digest, folder);
    const opened = await MetricsFile.open(join(folder, METRICS_FILE), state?.metricsBytes ?? 0);
    metrics = opened.file;
    if (opened.shorter)
      onNotice?.(
        `${metrics.path} is shorter than at the checkpoint: the missing lines are lost, and the run continues`,
      );
    const work = await makeWorkingParts(preparation, folder, { engine, learned }, base, options);
    if (learned && !state) await spreadCoefficients(learned, { ...preparation, work }, { signal });
    const position = { step: state?.step ?? 0, evaluated: state?.evaluated ?? -1, saved: state?.step ?? -1 };
    const encoderFolder = preparation.manifest.encoder.type === 'hash' ? undefined : join(folder, ENCODER_FOLDER);
    return { ...preparation, folder, lock, metrics, engine, learned, encoderFolder, work, position };
  } catch (error) {
    engine?.dispose();
    base?.model.dispose();
    preparation?.encoder.dispose();
    await metrics?.close();
    await lock.release();
    throw error;
  }
}

function settingsOf(
  { settings }: RunDescription,
  changes: Partial<TrainingSettings>,
  folder: string,
): TrainingSettings {
  const source = `${join(folder, RUN_FILE)}: settings`;
  // Runs of versions without the setting minimised the weighted sum in every step.
  const stored = resolveSettings({ tokenSteps: 0, ...checkSettings(settings, source) }, source);
  return changedSettings(stored, withAbsolutePaths(changes), folder);
}

async function prepareAgain(
  description: RunDescription,
  settings: TrainingSettings,
  folder: string,
  options: Pick<MakeOptions, 'signal' | 'onProgress'>,
): Promise<Preparation> {
  const { threads } = settings;
  const inside = description.encoder.type === 'hash' ? 'hash' : join(folder, ENCODER_FOLDER);
  const source = settings.encoder === description.settings.encoder ? inside : settings.encoder;
  const preparation = await prepare(settings, {
    ...options,
    loadEncoder: () =>
      loadNamedEncoder(source, description.encoder, { threads, signal: options.signal, device: 'cpu' }),
  });
  const { encoder, createdBy } = description;
  const { normalisationSha256, basisSha256 } = description.adapter;
  const made = preparation.manifest;
  // What weight tokens are relative to, basis and principal components stay the run's own, whatever the pairs are now.
  const adapter = {
    ...made.adapter,
    ...(normalisationSha256 === undefined ? {} : { normalisationSha256 }),
    ...(basisSha256 === undefined ? {} : { basisSha256 }),
  };
  const { componentsSha256 } = description.condition;
  const condition = componentsSha256 === undefined ? made.condition : { ...made.condition, componentsSha256 };
  preparation.manifest = { ...made, encoder, createdBy, adapter, condition };
  for (const part of ['base', 'adapter', 'condition', 'decoder'] as const) {
    if (isDeepStrictEqual(preparation.manifest[part], description[part])) continue;
    preparation.encoder.dispose();
    throw new DndError(
      'RESUME_MISMATCH',
      `${folder} cannot be resumed: the pairs no longer fit its ${part}; expected ${JSON.stringify(description[part])}, ` +
        `got ${JSON.stringify(preparation.manifest[part])}. Start a new run`,
    );
  }
  try {
    preparation.layout = await readLayout(folder, description, options.signal);
    // A learned one is in the checkpoints.
    if (settings.basisKind === 'principal')
      useBasis(preparation, await readBasis(folder, description, preparation.layout, options.signal));
    useComponents(preparation, await readProjection(folder, description, options.signal));
  } catch (error) {
    preparation.encoder.dispose();
    throw error;
  }
  return preparation;
}

function requireSamePairs({ pairs }: RunDescription, preparation: Preparation, folder: string): void {
  if (pairs.digest === preparation.pairs.digest) return;
  throw new DndError(
    'PAIRS_CHANGED',
    `the pairs in ${preparation.pairs.folder} are not those that ${folder} started with (${differenceOf(pairs, preparation.pairs)}). ` +
      'Restore those, or accept these with allowChangedPairs (--allow-changed-pairs)',
  );
}

/** Runs of older versions do not say which base they started with. */
function requireSameBase(
  { baseSha256: expected }: RunDescription,
  found: string | null,
  { base }: TrainingSettings,
  folder: string,
): void {
  if (expected === undefined || found === null || found === expected) return;
  throw new DndError(
    'RESUME_MISMATCH',
    `${folder} cannot be resumed: the base ${base} has other weights; expected those of SHA-256 ${expected}, got ${found}. ` +
      'Restore the base that it started with, or start a new run',
  );
}

function differenceOf(before: RunDescription['pairs'], { tasks }: Preparation['pairs']): string {
  const differences: string[] = [];
  for (const { name, prompts, checkpoints } of before.tasks) {
    const now = tasks.find((task) => task.name === name);
    if (!now) differences.push(`task ${name} is gone`);
    else if (now.items.length !== prompts)
      differences.push(`task ${name} has ${now.items.length} prompts instead of ${prompts}`);
    else if (now.checkpoints.length !== checkpoints)
      differences.push(`task ${name} has ${now.checkpoints.length} checkpoints instead of ${checkpoints}`);
  }
  for (const { name } of tasks)
    if (!before.tasks.some((task) => task.name === name)) differences.push(`task ${name} is new`);
  return differences.join('; ') || 'their contents differ';
}

/** Updates run.json if settings or pairs have changed. */
async function describeAgain(
  before: RunDescription,
  preparation: Preparation,
  digest: string | null,
  folder: string,
): Promise<void> {
  const { instructionSet: _, ...now } = describeRun(preparation, preparation.settings, digest);
  const text = `${JSON.stringify({ ...before, ...now }, null, 2)}\n`;
  if (isDeepStrictEqual(JSON.parse(text), JSON.parse(JSON.stringify(before)))) return;
  await writeFileAtomically(join(folder, RUN_FILE), text);
}

/** Errors of a checkpoint for which the previous one is tried. */
const UNREADABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CORRUPT_FILE',
  'FILE_NOT_FOUND',
  'INVALID_WEIGHTS',
  'READ_FAILED',
  'SHAPE_MISMATCH',
  'UNSUPPORTED_FORMAT',
]);

interface Unreadable {
  checkpoint: CheckpointFolder;
  error: DndError;
}

/**
 * Fills the engine from the newest readable checkpoint; without any checkpoint it is unchanged.
 * @throws DndError RESUME_MISMATCH; the newest one's error if no checkpoint can be read
 */
async function loadNewest(
  folder: string,
  { engine, learned }: Pick<TrainerParts, 'engine' | 'learned'>,
  settings: TrainingSettings,
  {
    signal,
    onProgress,
    allowOtherInstructionSet = false,
  }: MakeOptions & { allowOtherInstructionSet?: boolean | undefined },
): Promise<{ state: TrainingState | undefined; unreadable: Unreadable[] }> {
  const unreadable: Unreadable[] = [];
  for (const checkpoint of (await listCheckpoints(folder)).reverse()) {
    try {
      const state = await readTrainingState(checkpoint.path);
      checkState(state, settings, checkpoint, allowOtherInstructionSet);
      checkWorkspaces(state, convolutionLimits(engine, settings), checkpoint);
      await loadCheckpoint(checkpoint.path, learned ?? engine, state, {
        signal,
        onProgress: (fraction) => onProgress?.(fraction, 'load'),
      });
      return { state, unreadable };
    } catch (error) {
      if (!(error instanceof DndError) || !UNREADABLE.has(error.code)) throw error;
      unreadable.push({ checkpoint, error });
    }
  }
  if (unreadable.length > 0) throw unreadable[0]!.error;
  return { state: undefined, unreadable };
}

function checkState(
  state: TrainingState,
  settings: TrainingSettings,
  { path, step }: CheckpointFolder,
  allowOtherInstructionSet: boolean,
): void {
  if (state.step !== step)
    throw new DndError('CORRUPT_FILE', `${path}: wrong step; expected ${step}, got ${state.step}`);
  if (state.settingsDigest !== settingsDigest(settings))
    throw new DndError(
      'RESUME_MISMATCH',
      `${path} was made with other settings than those in ${RUN_FILE}. Restore the ${RUN_FILE} that the run started with`,
    );
  const { isa } = cpuInfo();
  if (state.instructionSet === isa || allowOtherInstructionSet) return;
  throw new DndError(
    'RESUME_MISMATCH',
    `${path} was computed with ${state.instructionSet}, and this machine uses ${isa}: results would not be bit-identical. ` +
      'Resume on the original machine, or accept this with allowOtherInstructionSet (--allow-other-instruction-set)',
  );
}

function checkWorkspaces(state: TrainingState, now: readonly number[], { path }: CheckpointFolder): void {
  if (isDeepStrictEqual(state.convolutionLimits, now)) return;
  const text = (limits: readonly number[]) => limits.map(formatBytes).join(' and ');
  throw new DndError(
    'RESUME_MISMATCH',
    `${path} was computed with a convolution workspace of ${text(state.convolutionLimits)}, and this memory limit leaves ` +
      `${text(now)}: results would not be bit-identical. Restore the memoryLimit that the run started with`,
  );
}
