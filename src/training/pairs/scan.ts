import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  AdapterLayout,
  type LoraTensor,
  loraTensors,
  type ParsedPeftConfig,
  PEFT_CONFIG_FILE,
  parsePeftConfig,
  placeKey,
  refuseUnconverted,
} from '../../adapter/index.js';
import { eventLoopYielder } from '../../async/index.js';
import { DndError } from '../../errors.js';
import { exists, OpenFile, readError, readJson } from '../../files/index.js';
import { elementCount, type FloatDtype, toFloat32 } from '../../formats/dtypes.js';
import { SafetensorsFile, type TensorInfo } from '../../formats/safetensors/index.js';
import type { CheckpointFile } from './discover.js';
import type { Checkpoint } from './types.js';
import { UniformMatrices } from './uniform-matrices.js';

/** Hashing and scanning this many bytes takes a millisecond or two. */
const READ_BYTES = 2 ** 20;

/** The mean of a token's weights is multiplied by 8 in float32: larger ones would overflow. */
const LARGEST_WEIGHT = 2 ** 120;

/** A checkpoint that was read in full and is valid by itself. */
export interface ScannedCheckpoint extends Checkpoint {
  /** Derived from its tensors: rank, modules, layers, widths. */
  layout: AdapterLayout;
  /** null without an adapter_config.json. */
  config: ParsedPeftConfig | null;
}

/**
 * Reads a whole checkpoint, in pieces: validates it, and returns its layout and content digests.
 * @param onBytes called with the number of bytes just read
 * @throws DndError CORRUPT_FILE, FILE_NOT_FOUND, READ_FAILED; UNSUPPORTED_FORMAT for anything but plain LoRA,
 * UNSUPPORTED_BASE for projections of another family; SHAPE_MISMATCH for matrices that are missing or do not fit
 * together; INVALID_WEIGHTS for NaN, infinity, or weights too large for a weight token; `signal.reason`
 */
export async function scanCheckpoint(
  { name, path, folder, bytes }: CheckpointFile,
  options: { signal?: AbortSignal | undefined; onBytes?: (count: number) => void },
): Promise<ScannedCheckpoint> {
  refuseUnconverted(folder);
  const config = await readConfig(folder);
  const file = await SafetensorsFile.open(path);
  try {
    const tensors = loraTensors(file.tensors.values(), name);
    const layout = AdapterLayout.fromTensors(tensors.map(({ name, info }) => ({ name, shape: info.shape })));
    checkConfig(config, layout);
    return { name, path, bytes, layout, config, ...(await scanTensors(file, tensors, options)) };
  } finally {
    await file.close();
  }
}

async function readConfig(folder: string): Promise<ParsedPeftConfig | null> {
  const path = join(folder, PEFT_CONFIG_FILE);
  return (await exists(path)) ? parsePeftConfig(await readJson(path), path) : null;
}

function checkConfig(config: ParsedPeftConfig | null, layout: AdapterLayout): void {
  if (config === null) return;
  if (Object.keys(config.alphaPattern ?? {}).length > 0)
    throw new DndError(
      'UNSUPPORTED_FORMAT',
      `its ${PEFT_CONFIG_FILE} has an alpha_pattern; a generator makes adapters of one alpha`,
    );
  if (Object.keys(config.rankPattern ?? {}).length > 0 || config.rank === layout.rank) return;
  throw new DndError(
    'SHAPE_MISMATCH',
    `its matrices have rank ${layout.rank}, but its ${PEFT_CONFIG_FILE} says ${config.rank}`,
  );
}

type Content = Pick<Checkpoint, 'sha256' | 'tensorsSha256' | 'weights' | 'degenerate'>;

async function scanTensors(
  file: SafetensorsFile,
  tensors: readonly LoraTensor[],
  { signal, onBytes = () => {} }: { signal?: AbortSignal | undefined; onBytes?: (count: number) => void },
): Promise<Content> {
  const yieldToEventLoop = eventLoopYielder();
  const whole = createHash('sha256').update(await readHeader(file));
  const digests: string[] = [];
  const sums = { count: 0, sum: 0, squares: 0 };
  const names = new Map(tensors.map(({ info, name }) => [info.name, name]));
  const uniform = new UniformMatrices();
  let own = createHash('sha256');
  for await (const pieces of file.pieces(READ_BYTES, ({ name }) => names.has(name))) {
    for (const { info, elementOffset, bytes } of pieces) {
      await yieldToEventLoop();
      signal?.throwIfAborted();
      own.update(bytes);
      const values = toFloat32(bytes, info.dtype as FloatDtype);
      addSums(values, sums);
      uniform.add(names.get(info.name)!, values);
      if (!inRange(values)) throw badWeight(values, elementOffset, info);
      onBytes(bytes.length);
      if (elementOffset + values.length < elementCount(info.shape)) continue;
      const digest = own.digest('hex');
      own = createHash('sha256');
      whole.update(digest);
      digests.push(`${placeKey(info.name)} ${info.dtype} ${info.shape.join('×')} ${digest}`);
    }
  }
  const mean = sums.sum / sums.count;
  return {
    sha256: whole.digest('hex'),
    tensorsSha256: createHash('sha256').update(digests.sort().join('\n')).digest('hex'),
    weights: {
      norm: Math.sqrt(sums.squares),
      mean,
      standardDeviation: Math.sqrt(Math.max(0, sums.squares / sums.count - mean * mean)),
    },
    degenerate: uniform.result(),
  };
}

/** All bytes before the first tensor. */
async function readHeader(file: SafetensorsFile): Promise<Uint8Array> {
  const [first] = file.tensors.values();
  const opened = await OpenFile.open(file.path, 'r').catch((error) => {
    throw readError(error, file.path);
  });
  try {
    const header = new Uint8Array(first!.byteOffset);
    return header.subarray(0, await opened.read(header, 0));
  } finally {
    await opened.close();
  }
}

function addSums(values: Float32Array, sums: { count: number; sum: number; squares: number }): void {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    sum += value;
    squares += value * value;
  }
  sums.count += values.length;
  sums.sum += sum;
  sums.squares += squares;
}

function inRange(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]!) <= LARGEST_WEIGHT)) return false;
  return true;
}

function badWeight(values: Float32Array, offset: number, { name, shape }: TensorInfo): DndError {
  const index = values.findIndex((value) => !(Math.abs(value) <= LARGEST_WEIGHT));
  const [row, column] = [Math.floor((offset + index) / shape[1]!), (offset + index) % shape[1]!];
  const value = values[index]!;
  const wanted = Number.isFinite(value) ? 'too large for a weight token' : 'weights must be finite';
  return new DndError('INVALID_WEIGHTS', `${name} holds ${value} at [${row}, ${column}]; ${wanted}`);
}
