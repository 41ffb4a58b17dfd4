import { copyFile, link, mkdir, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type AdapterLayout, FLOAT_DTYPES, type FloatDtypeName, floatDtype } from '../adapter/index.js';
import type { LongOperation } from '../async/index.js';
import type { TrainerEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import {
  readError,
  readJson,
  verifyChecksums,
  type WrittenFiles,
  writeChecksums,
  writeFileAtomically,
  writeFolderAtomically,
} from '../files/index.js';
import { DTYPES } from '../formats/dtypes.js';
import { SafetensorsSet, writeSafetensorsSharded } from '../formats/safetensors/index.js';
import type { Basis } from '../generator/basis.js';
import { writeBasis } from '../generator/basis-file.js';
import type { ConditionProjection } from '../generator/condition-projection.js';
import { writeProjection } from '../generator/condition-projection-file.js';
import { currentValues, loadDecoderWeights, saveDecoderWeights } from '../generator/decoder-weights.js';
import { ENCODER_FOLDER } from '../generator/encoder-folder.js';
import { type GeneratorManifest, MANIFEST_FILE, manifestText, readManifest } from '../generator/manifest.js';
import { writeNormalisation } from '../generator/normalisation-file.js';
import { PACKAGE } from '../package.js';
import { Fields } from '../validation/index.js';

/** In a checkpoint, beside the files of a generator folder. */
export const TRAINING_FILE = 'training.json';
/** Base name of the file, or sharded set, with the optimiser state. */
const OPTIMISER_BASE_NAME = 'optimiser';
/** Base name of the float32 parameters, where those of the generator are in half precision. */
const MASTERS_BASE_NAME = 'masters';
/** 2: checkpoints with masters, which older versions would resume from rounded parameters. */
const FORMAT_VERSION = 2;
const CHUNK_BYTES = 2 ** 22;
const FLOATS = Object.keys(FLOAT_DTYPES) as FloatDtypeName[];

/** Position of the run at the checkpoint. All randomness derives from the run's seed and the step. */
export interface TrainingState {
  /** Number of completed steps. */
  step: number;
  /** SHA-256 of the settings that affect the weights. */
  settingsDigest: string;
  pairsDigest: string;
  /** Instruction set of the steps so far. */
  instructionSet: string;
  /** `convolutionLimits` of those steps. */
  convolutionLimits: number[];
  /** Dtype of the generator's parameters; but for f32, the float32 ones are beside them. */
  saveDtype: FloatDtypeName;
  /** The last evaluated step; −1: none. */
  evaluated: number;
  /** Size of metrics.jsonl up to here. */
  metricsBytes: number;
  createdBy: string;
}

export type CheckpointEngine = Pick<
  TrainerEngine,
  'parameters' | 'readParameter' | 'writeParameter' | 'states' | 'readState' | 'writeState' | 'setStep'
>;

export interface CheckpointParts {
  engine: CheckpointEngine;
  manifest: GeneratorManifest;
  layout: AdapterLayout;
  basis?: Basis | undefined;
  projection?: ConditionProjection | undefined;
  /** The run's copy of the text encoder; undefined if it has no files. */
  encoderFolder: string | undefined;
  state: Omit<TrainingState, 'createdBy'>;
}

/**
 * Writes a checkpoint atomically: a generator folder that `dnd generate` can use, with the state to resume training.
 * @throws DndError DISK_FULL, NOT_WRITABLE, OUTPUT_EXISTS; `signal.reason`
 */
export async function writeCheckpoint(
  path: string,
  { engine, manifest, layout, basis, projection, encoderFolder, state }: CheckpointParts,
  { signal, onProgress }: LongOperation,
): Promise<void> {
  const parameterBytes = engine.parameters.reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0);
  const stateBytes = engine.states.reduce((sum, { dtype, elements }) => sum + elements * DTYPES[dtype].bytes, 0);
  const dtype = floatDtype(state.saveDtype, 'generators');
  const savings = dtype === 'F32' ? [{ dtype }] : [{ dtype }, { dtype: 'F32' as const, baseName: MASTERS_BASE_NAME }];
  const share = parameterBytes / (parameterBytes + stateBytes);
  const checksums = new Map<string, string>();
  const onWritten = (file: string, sha256: string) => checksums.set(basename(file), sha256);
  await writeFolderAtomically(path, { signal }, async (staging) => {
    if (encoderFolder) await linkEncoder(encoderFolder, join(staging, ENCODER_FOLDER));
    for (const [index, saving] of savings.entries())
      await saveDecoderWeights(staging, currentValues(engine), {
        ...saving,
        signal,
        onWritten,
        onProgress: (fraction) => onProgress?.((share * (index + fraction)) / savings.length),
      });
    await saveStates(staging, engine, {
      signal,
      onWritten,
      onProgress: (fraction) => onProgress?.(share + (1 - share) * fraction),
    });
    await writeNormalisation(staging, layout, { signal, onWritten });
    await writeBasis(staging, basis, layout, { signal, onWritten });
    await writeProjection(staging, projection, { signal, onWritten });
    const formatVersion = dtype === 'F32' ? 1 : FORMAT_VERSION;
    const training = { formatVersion, createdBy: `${PACKAGE.name} ${PACKAGE.version}`, ...state };
    await writeFileAtomically(join(staging, TRAINING_FILE), `${JSON.stringify(training, null, 2)}\n`, { onWritten });
    const text = manifestText(manifest, 'the generator of the checkpoint');
    await writeFileAtomically(join(staging, MANIFEST_FILE), text, { onWritten });
    await writeChecksums(staging, checksums);
  });
}

/** Hard links to the run's copy: the encoder takes disk space again only where hard links are not supported. */
async function linkEncoder(from: string, to: string): Promise<void> {
  await mkdir(to);
  const names = await readdir(from).catch((error) => {
    throw readError(error, from);
  });
  for (const name of names)
    await link(join(from, name), join(to, name)).catch(() => copyFile(join(from, name), join(to, name)));
}

async function saveStates(
  folder: string,
  engine: CheckpointEngine,
  operation: LongOperation & WrittenFiles,
): Promise<void> {
  const tensors = engine.states.map(({ name, dtype, elements }) => ({
    name,
    dtype,
    shape: [elements],
    *bytes() {
      const total = elements * DTYPES[dtype].bytes;
      for (let offset = 0; offset < total; offset += CHUNK_BYTES)
        yield engine.readState(name, offset, Math.min(CHUNK_BYTES, total - offset));
    },
  }));
  await writeSafetensorsSharded(folder, OPTIMISER_BASE_NAME, tensors, operation);
}

/** @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, NEWER_FORMAT */
export async function readTrainingState(path: string): Promise<TrainingState> {
  await verifyChecksums(path, { only: (name) => name === TRAINING_FILE });
  const file = join(path, TRAINING_FILE);
  const fields = new Fields(await readJson(file), file);
  fields.checkFormatVersion(FORMAT_VERSION, 'checkpoint');
  return {
    step: fields.wholeNumber('step', 0),
    settingsDigest: fields.text('settingsDigest'),
    pairsDigest: fields.text('pairsDigest'),
    instructionSet: fields.text('instructionSet'),
    convolutionLimits: fields.wholeNumbers('convolutionLimits', 0),
    // Older versions do not name it.
    saveDtype: fields.raw('saveDtype') === undefined ? 'f32' : fields.oneOf('saveDtype', FLOATS),
    evaluated: fields.wholeNumber('evaluated', -1),
    metricsBytes: fields.wholeNumber('metricsBytes', 0),
    createdBy: fields.text('createdBy'),
  };
}

/**
 * Fills decoder and optimiser from a checkpoint, after verifying the checksum of each of its files.
 * @throws DndError FILE_NOT_FOUND, READ_FAILED, CORRUPT_FILE, SHAPE_MISMATCH, INVALID_WEIGHTS; `signal.reason`
 */
export async function loadCheckpoint(
  path: string,
  engine: CheckpointEngine,
  state: TrainingState,
  { signal, onProgress }: LongOperation,
): Promise<void> {
  const third = (done: number) => (fraction: number) => onProgress?.((done + fraction) / 3);
  await verifyChecksums(path, { signal, onProgress: third(0) });
  await readManifest(join(path, MANIFEST_FILE));
  const baseName = state.saveDtype === 'f32' ? undefined : MASTERS_BASE_NAME;
  await loadDecoderWeights(path, engine, { ...(baseName && { baseName }), signal, onProgress: third(1) });
  await loadStates(path, engine, { signal, onProgress: third(2) });
  engine.setStep(state.step);
}

async function loadStates(
  folder: string,
  engine: CheckpointEngine,
  { signal, onProgress }: LongOperation,
): Promise<void> {
  const file = await SafetensorsSet.open(join(folder, OPTIMISER_BASE_NAME));
  try {
    for (const { name, dtype, elements } of engine.states) {
      const info = file.tensors.get(name);
      if (info?.dtype === dtype && info.shape.length === 1 && info.shape[0] === elements) continue;
      const found = info ? `${info.dtype} [${info.shape.join(', ')}]` : 'missing';
      throw new DndError('SHAPE_MISMATCH', `${file.path}: ${name} must be ${dtype} [${elements}]; it is ${found}`);
    }
    for (const [index, { name, dtype }] of engine.states.entries()) {
      for await (const { elementOffset, bytes } of file.chunks(name, CHUNK_BYTES)) {
        signal?.throwIfAborted();
        engine.writeState(name, elementOffset * DTYPES[dtype].bytes, bytes);
      }
      onProgress?.((index + 1) / engine.states.length);
    }
  } finally {
    await file.close();
  }
}
