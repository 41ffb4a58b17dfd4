import { join } from 'node:path';
import { type BaseModel, floatDtype, readBaseModel } from '../adapter/index.js';
import { type LongOperation, steadyProgress } from '../async/index.js';
import { loadTextEncoder } from '../encoder/index.js';
import { DndError } from '../errors.js';
import { writeFileAtomically, writeFolderAtomically } from '../files/index.js';
import { type FloatDtype, toFloat32 } from '../formats/dtypes.js';
import { firstNonFinite } from '../formats/non-finite.js';
import { openTensors } from '../formats/pytorch/index.js';
import type { TensorReader } from '../formats/safetensors/index.js';
import { type GeneratorSettings, planGenerator, requireNoTrainingData } from '../generator/create.js';
import { conditionShape, type DecoderShape } from '../generator/decoder-shape.js';
import { type DecoderValues, saveDecoderWeights } from '../generator/decoder-weights.js';
import { copyEncoderFiles, ENCODER_FOLDER } from '../generator/encoder-folder.js';
import { type GeneratorManifest, MANIFEST_FILE, manifestText } from '../generator/manifest.js';
import { PRESET_NAMES, PRESETS, type PresetName } from '../generator/presets.js';
import { checkPath, quote } from '../validation/index.js';
import { type CheckpointParameters, checkpointParameters } from './checkpoint-parameters.js';
import { refuseLoraTensors } from './refuse-adapters.js';

/** What a checkpoint does not say about its generator. Features and kernel size follow from its tensors. */
export interface ConvertCheckpointOptions
  extends Omit<GeneratorSettings, 'features' | 'kernelSize' | 'seed' | 'normalisation'>,
    LongOperation {
  /** config.json of the base model, the folder containing it, or its shape. */
  base: string | BaseModel;
  /** Folder of the text encoder that the generator was trained with. */
  encoder: string;
  threads?: number | undefined;
  /** Dtype of the decoder's parameters: f32, f16 or bf16. Default: f32. */
  dtype?: string | undefined;
  /** Replace an existing generator. */
  force?: boolean | undefined;
}

export interface ConvertedCheckpoint {
  manifest: GeneratorManifest;
  /** What to check, since the checkpoint cannot tell. */
  notices: string[];
}

/**
 * Turns a training checkpoint of the published code (`.pth`, or its tensors as safetensors) into a generator folder.
 * Weights are streamed; a checkpoint of any size takes little memory.
 * @throws DndError of `PytorchSet`; SHAPE_MISMATCH where checkpoint, preset, base and encoder do not fit each other;
 * INVALID_WEIGHTS for NaN and infinity; OUTPUT_EXISTS, NOT_WRITABLE, DISK_FULL; `signal.reason`
 */
export async function convertCheckpoint(
  checkpoint: string,
  folder: string,
  options: ConvertCheckpointOptions,
): Promise<ConvertedCheckpoint> {
  checkPath(checkpoint, 'the checkpoint to convert');
  checkPath(folder, 'the generator folder to write');
  requireNoTrainingData(options);
  floatDtype(options.dtype ?? 'f32', 'generators');
  const file = await openTensors(checkpoint);
  try {
    refuseLoraTensors(file);
    const found = checkpointParameters(file);
    checkPreset(options.preset, found.shape, file.path);
    const { base, force, signal } = options;
    const identity = await encoderOf(options, found.shape);
    const manifest = planConverted(
      options,
      found.shape,
      typeof base === 'string' ? await readBaseModel(base) : base,
      identity,
    );
    const text = manifestText(manifest, file.path);
    await writeFolderAtomically(folder, { force, signal, marker: MANIFEST_FILE }, async (staging) => {
      await writeDecoder(staging, file, found, options);
      if (manifest.encoder.type !== 'hash')
        await copyEncoderFiles(options.encoder, join(staging, ENCODER_FOLDER), signal);
      await writeFileAtomically(join(staging, MANIFEST_FILE), text, { signal });
    });
    return { manifest, notices: noticesOf(manifest) };
  } finally {
    await file.close();
  }
}

/** A preset is what the checkpoint was trained with, or it is the wrong one. */
function checkPreset(preset: PresetName | undefined, shape: DecoderShape, path: string): void {
  if (preset === undefined || fits(preset, shape)) return;
  const others = PRESET_NAMES.filter((name) => fits(name, shape));
  const features = shape.features.map((feature) => `(${feature.join(', ')})`).join(' ');
  throw new DndError(
    'SHAPE_MISMATCH',
    `${path}: it is not a checkpoint of the preset ${preset}: its features are ${features}, kernel size ${shape.kernelSize}. ` +
      (others.length > 0
        ? `Give the preset ${others.join(' or ')}`
        : 'It has the shape of no preset: leave it out, and give rank, alpha and chunk'),
  );
}

function fits(preset: PresetName, { features, kernelSize, projectedFrom }: DecoderShape): boolean {
  // The maximal length varies between the published scripts of one preset, and follows from the checkpoint.
  const projects = PRESETS[preset].maxLength > PRESETS[preset].features[0]![1];
  return (
    PRESETS[preset].kernelSize === kernelSize &&
    JSON.stringify(PRESETS[preset].features) === JSON.stringify(features) &&
    projects === projectedFrom > 0
  );
}

async function encoderOf(
  { encoder: source, threads, signal }: ConvertCheckpointOptions,
  shape: DecoderShape,
): Promise<Parameters<typeof planGenerator>[3]> {
  const encoder = await loadTextEncoder(source, { threads, signal, device: 'cpu', channels: conditionShape(shape)[2] });
  const { identity, maxWindow, minLength, encodesPadding } = encoder;
  encoder.dispose();
  return { identity, maxWindow, minLength, encodesPadding };
}

function planConverted(
  { preset, maxLength, rank, alpha, chunk, padding, pooling, ...more }: ConvertCheckpointOptions,
  shape: DecoderShape,
  base: BaseModel,
  encoder: Parameters<typeof planGenerator>[3],
): GeneratorManifest {
  const { useRslora, modules } = more;
  const length = maxLength ?? conditionShape(shape)[1];
  const settings = { preset, rank, alpha, chunk, padding, pooling, useRslora, modules, maxLength: length };
  const planned = planGenerator(settings, shape, base, encoder);
  return { ...planned, training: { ...planned.training, trained: true } };
}

async function writeDecoder(
  folder: string,
  file: TensorReader,
  { parameters }: CheckpointParameters,
  { dtype = 'f32', signal, onProgress }: Pick<ConvertCheckpointOptions, 'dtype' | 'signal' | 'onProgress'>,
): Promise<void> {
  const sources = new Map(parameters.map(({ name, info }) => [name, info]));
  const values: DecoderValues = {
    parameters: parameters.map(({ name, info: { shape } }) => ({ name, shape: [...shape] })),
    pieces: ({ name }) => {
      const source = sources.get(name)!;
      return floatPieces(file, source.name, source.dtype as FloatDtype);
    },
  };
  const written = floatDtype(dtype, 'generators');
  await saveDecoderWeights(folder, values, { dtype: written, signal, onProgress: steadyProgress(onProgress) });
}

/** Pieces that stay in a processor's cache on their way from the file to the file. */
const PIECE_BYTES = 2 ** 20;

/** The next piece is checked while the caller writes one. */
async function* floatPieces(
  file: TensorReader,
  name: string,
  dtype: FloatDtype,
): AsyncGenerator<Float32Array<ArrayBuffer>, void, void> {
  const pieces = checkedPieces(file, name, dtype);
  let current = await pieces.next();
  while (!current.done) {
    const following = pieces.next();
    // Awaited below; until then a rejection must not count as unhandled.
    following.catch(() => {});
    yield current.value;
    current = await following;
  }
}

async function* checkedPieces(
  file: TensorReader,
  name: string,
  dtype: FloatDtype,
): AsyncGenerator<Float32Array<ArrayBuffer>, void, void> {
  for await (const { elementOffset, bytes } of file.chunks(name, PIECE_BYTES, { recycled: true })) {
    const values = toFloat32(bytes, dtype);
    const at = firstNonFinite(values);
    if (at !== -1) {
      throw new DndError(
        'INVALID_WEIGHTS',
        `${file.path}: tensor ${quote(name)} has the value ${values[at]} at element ${elementOffset + at}. Take a checkpoint from before the training diverged`,
      );
    }
    yield values;
  }
}

function noticesOf({ preset, encoder }: GeneratorManifest): string[] {
  const published = preset === null ? undefined : PRESETS[preset as PresetName].encoder;
  const name = encoder.name?.split('/').at(-1);
  if (published === undefined || published === name) return [];
  return [
    `the published checkpoints of ${preset} were trained with ${published}, and the text encoder is ${encoder.name ?? encoder.type}: ` +
      'with another encoder a generator gives adapters without meaning',
  ];
}
