import { eventLoopYielder, type LongOperation } from '../async/index.js';
import type { EncoderEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import { DTYPES, elementCount, type FloatDtype, isFloatDtype } from '../formats/dtypes.js';
import type { TensorReader } from '../formats/safetensors/index.js';
import type { TensorNames } from './encoder-config.js';
import { findTensors } from './tensor-names.js';

/** The engine copies a megabyte in well below a millisecond. */
const CHUNK_BYTES = 2 ** 20;

/** A tensor of a file: the parameters that it consists of, one after the other along its first axis. */
interface Source {
  tensor: string;
  shape: readonly number[];
  parameters: string[];
}

/**
 * Copies a text encoder's weights from a file into the engine; other tensors are ignored.
 * @param names of the model's tensors; default: BERT's
 * @throws DndError INVALID_WEIGHTS for missing tensors, integers, NaN and infinity; SHAPE_MISMATCH; `signal.reason`
 */
export async function loadEncoderWeights(
  engine: Pick<EncoderEngine, 'parameters' | 'writeParameter'>,
  reader: TensorReader,
  { signal, onProgress }: LongOperation = {},
  names?: TensorNames,
): Promise<void> {
  const sources = sourcesOf(engine, reader, names);
  const yieldToEventLoop = eventLoopYielder();
  const total = engine.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  let done = 0;
  for (const { tensor, shape, parameters } of sources) {
    const dtype = checkTensor(tensor, shape, reader);
    const size = elementCount(shape) / parameters.length;
    for await (const { elementOffset, bytes } of reader.chunks(tensor, CHUNK_BYTES)) {
      signal?.throwIfAborted();
      explained(reader.path, () => write(engine, parameters, size, elementOffset, bytes, dtype));
      await yieldToEventLoop();
    }
    done += elementCount(shape);
    onProgress?.(done / total);
  }
}

function sourcesOf(
  engine: Pick<EncoderEngine, 'parameters'>,
  reader: TensorReader,
  names: TensorNames | undefined,
): Source[] {
  const places = findTensors(
    engine.parameters.map(({ name }) => name),
    reader,
    names,
  );
  const sources = new Map<string, Source>();
  for (const { name, shape } of engine.parameters) {
    const { tensor, part, parts } = places.get(name)!;
    const [rows, ...rest] = shape;
    const source = sources.get(tensor) ?? { tensor, shape: [rows! * parts, ...rest], parameters: Array(parts) };
    source.parameters[part] = name;
    sources.set(tensor, source);
  }
  return [...sources.values()];
}

/** Writes a chunk of a tensor into the parameters of `size` elements each that it is in. */
function write(
  engine: Pick<EncoderEngine, 'writeParameter'>,
  parameters: readonly string[],
  size: number,
  elementOffset: number,
  bytes: Uint8Array,
  dtype: FloatDtype,
): void {
  const width = DTYPES[dtype].bytes;
  const end = elementOffset + bytes.byteLength / width;
  for (let at = elementOffset; at < end; ) {
    const part = Math.floor(at / size);
    const until = Math.min(end, (part + 1) * size);
    const piece = bytes.subarray((at - elementOffset) * width, (until - elementOffset) * width);
    engine.writeParameter(parameters[part]!, at - part * size, piece, dtype);
    at = until;
  }
}

function explained(path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof DndError) || error.code !== 'INVALID_WEIGHTS') throw error;
    throw new DndError('INVALID_WEIGHTS', `${path}: ${error.message}`, { cause: error });
  }
}

function checkTensor(name: string, expected: readonly number[], reader: TensorReader): FloatDtype {
  const { dtype, shape } = reader.tensors.get(name)!;
  if (shape.length !== expected.length || shape.some((size, axis) => size !== expected[axis])) {
    throw new DndError(
      'SHAPE_MISMATCH',
      `${reader.path}: tensor ${name} has the wrong shape; expected [${expected.join(', ')}] by config.json, got [${shape.join(', ')}]`,
    );
  }
  if (isFloatDtype(dtype)) return dtype;
  throw new DndError(
    'INVALID_WEIGHTS',
    `${reader.path}: tensor ${name} has dtype ${dtype}, which is not a floating-point type; quantised text encoders are not supported`,
  );
}
