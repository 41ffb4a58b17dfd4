import { join } from 'node:path';
import { type AdapterDtype, encodeWeights } from '../adapter/index.js';
import { eventLoopYielder } from '../async/index.js';
import type { DecoderEngine, ParameterInfo } from '../engine/index.js';
import { DndError } from '../errors.js';
import { elementCount, isFloatDtype } from '../formats/dtypes.js';
import {
  SafetensorsSet,
  type ShardedWriteOptions,
  type TensorReader,
  writeSafetensorsSharded,
} from '../formats/safetensors/index.js';
import {
  type LoadParametersOptions,
  loadParameters,
  type ParameterSource,
  type ParameterTarget,
} from '../weights/index.js';

/** Base name of the file, or sharded set, in a generator folder. */
export const DECODER_BASE_NAME = 'decoder';

/** Name prefix in the reference's training checkpoints. */
const CHECKPOINT_PREFIX = 'model.';
/** Other tensors in those checkpoints. */
const NOT_PARAMETERS = new Set(['criterion_weight']);

/** The parameters of a decoder, or of a trainer. */
export type DecoderParameters = Pick<DecoderEngine, 'parameters' | 'readParameter' | 'writeParameter'>;

/** A decoder, or a trainer, to fill. */
export type DecoderTarget = Pick<DecoderEngine, 'parameters'> & ParameterTarget;

const CHUNK_ELEMENTS = 2 ** 20;
/** The native engine divides them over its threads. */
const INITIAL_ELEMENTS = 2 ** 20;

/**
 * Fills the decoder from `decoder.safetensors` (or its shards, or another base name) in `folder`. Names and shapes are checked before any data
 * is read; float32 is mapped by a decoder that maps, any other floating dtype converted.
 * @throws DndError FILE_NOT_FOUND, CORRUPT_FILE, SHAPE_MISMATCH, UNSUPPORTED_FORMAT (not a floating dtype),
 * INVALID_WEIGHTS (NaN or infinity)
 */
export async function loadDecoderWeights(
  folder: string,
  engine: DecoderTarget,
  { baseName = DECODER_BASE_NAME, ...options }: LoadParametersOptions & { baseName?: string },
): Promise<void> {
  const file = await SafetensorsSet.open(join(folder, baseName));
  try {
    await loadParameters(engine, file, matchParameters(file, engine.parameters), options);
  } finally {
    await file.close();
  }
}

/** The tensor of each parameter. */
function matchParameters(file: TensorReader, parameters: readonly ParameterInfo[]): ParameterSource[] {
  const prefix = [...file.tensors.keys()].some((name) => name.startsWith(`${CHECKPOINT_PREFIX}decoder.`))
    ? CHECKPOINT_PREFIX
    : '';
  const sources: ParameterSource[] = [];
  const used = new Set<string>();
  for (const { name, shape } of parameters) {
    const info = file.tensors.get(prefix + name);
    if (!info)
      throw new DndError('SHAPE_MISMATCH', `${file.path} lacks the decoder's parameter ${name} [${shape.join(', ')}]`);
    if (shape.length !== info.shape.length || shape.some((size, axis) => size !== info.shape[axis]))
      throw new DndError(
        'SHAPE_MISMATCH',
        `${file.path}: tensor ${info.name} has the wrong shape; expected [${shape.join(', ')}] by generator.json, got [${info.shape.join(', ')}]`,
      );
    const { dtype } = info;
    if (!isFloatDtype(dtype)) throw notFloat(file, info.name, dtype);
    sources.push({ tensor: info.name, dtype, parameters: [name], elements: elementCount(shape) });
    used.add(info.name);
  }
  for (const name of file.tensors.keys()) {
    if (used.has(name) || NOT_PARAMETERS.has(name)) continue;
    throw new DndError(
      'SHAPE_MISMATCH',
      `${file.path}: tensor ${name} is not a parameter of the decoder in generator.json`,
    );
  }
  return sources;
}

function notFloat(file: TensorReader, name: string, dtype: string): DndError {
  return new DndError(
    'UNSUPPORTED_FORMAT',
    `${file.path}: tensor ${name} has the wrong dtype; expected F32, F16, BF16 or F64, got ${dtype}`,
  );
}

/** The values of a decoder's parameters, wherever they are. */
export interface DecoderValues {
  readonly parameters: readonly ParameterInfo[];
  /** A parameter's values in order; a piece may be used again once the next one is requested. */
  pieces(parameter: ParameterInfo): AsyncIterable<Float32Array<ArrayBuffer>> | Iterable<Float32Array<ArrayBuffer>>;
}

/** As a decoder, or a trainer, has them now. */
export function currentValues(engine: Pick<DecoderEngine, 'parameters' | 'readParameter'>): DecoderValues {
  return {
    parameters: engine.parameters,
    *pieces({ name, shape }) {
      const count = elementCount(shape);
      for (let offset = 0; offset < count; offset += CHUNK_ELEMENTS)
        yield engine.readParameter(name, offset, Math.min(CHUNK_ELEMENTS, count - offset));
    },
  };
}

/** PyTorch's default initialisation for a seed; the decoder's own parameters take no memory. Errors: `signal.reason` */
export function initialValues(engine: DecoderEngine, seed: number, signal: AbortSignal | undefined): DecoderValues {
  return {
    parameters: engine.parameters,
    async *pieces({ name, shape }) {
      const count = elementCount(shape);
      const size = Math.min(INITIAL_ELEMENTS, count);
      const memory = [new Float32Array(size), new Float32Array(size)] as const;
      const make = async (offset: number, turn: number) => {
        const into = memory[turn % 2]!.subarray(0, Math.min(size, count - offset));
        await engine.initialValues(seed, name, { elementOffset: offset, into }, { signal });
        return into;
      };
      // The next piece is made while the caller writes one.
      let next = make(0, 0);
      for (let turn = 0, offset = 0; offset < count; turn++, offset += size) {
        const piece = await next;
        if (offset + size < count) {
          next = make(offset + size, turn + 1);
          // Whoever stops asking for pieces does not see it fail.
          next.catch(() => {});
        }
        yield piece;
      }
    },
  };
}

/**
 * Writes a decoder's parameters, piece by piece, sharded above 5 GB.
 * @throws DndError INVALID_WEIGHTS for parameters that a dtype but float32 cannot hold; as `writeSafetensorsSharded`
 */
export async function saveDecoderWeights(
  folder: string,
  values: DecoderValues,
  {
    dtype = 'F32',
    baseName = DECODER_BASE_NAME,
    ...options
  }: Omit<ShardedWriteOptions, 'metadata'> & { dtype?: AdapterDtype; baseName?: string },
): Promise<void> {
  const tensors = values.parameters.map((parameter) => ({
    name: parameter.name,
    dtype,
    shape: parameter.shape,
    bytes: () => bytesOf(values, parameter, dtype),
  }));
  await writeSafetensorsSharded(folder, baseName, tensors, { ...options, metadata: { format: 'pt' } });
}

async function* bytesOf(
  values: DecoderValues,
  parameter: ParameterInfo,
  dtype: AdapterDtype,
): AsyncGenerator<Uint8Array, void, void> {
  const yieldToEventLoop = eventLoopYielder();
  for await (const data of values.pieces(parameter)) {
    if (dtype === 'F32') yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    else yield* encodeWeights(parameter.name, { shape: [1, data.length], data }, dtype, yieldToEventLoop);
  }
}
