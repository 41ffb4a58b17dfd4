import { eventLoopYielder, type LongOperation } from '../async/index.js';
import type { EncoderEngine, ParameterInfo } from '../engine/index.js';
import { DndError } from '../errors.js';
import { elementCount, isFloatDtype } from '../formats/dtypes.js';
import type { TensorReader } from '../formats/safetensors/index.js';

/** The engine copies a megabyte in well below a millisecond. */
const CHUNK_BYTES = 2 ** 20;

/**
 * Copies a BERT's weights from a safetensors file into the engine. Names may begin with `bert.`, as in models that were
 * saved with a head, and layer norms may be called gamma and beta, as in the oldest ones; other tensors are ignored.
 * @throws DndError INVALID_WEIGHTS for missing tensors, integers, NaN and infinity; SHAPE_MISMATCH; `signal.reason`
 */
export async function loadBertWeights(
  engine: EncoderEngine,
  reader: TensorReader,
  { signal, onProgress }: LongOperation = {},
): Promise<void> {
  const sources = findTensors(engine.parameters, reader);
  const yieldToEventLoop = eventLoopYielder();
  const total = engine.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  let done = 0;
  for (const { name, shape } of engine.parameters) {
    const source = sources.get(name)!;
    const dtype = checkTensor(source, shape, reader);
    for await (const { elementOffset, bytes } of reader.chunks(source, CHUNK_BYTES)) {
      signal?.throwIfAborted();
      try {
        engine.writeParameter(name, elementOffset, bytes, dtype);
      } catch (error) {
        if (!(error instanceof DndError) || error.code !== 'INVALID_WEIGHTS') throw error;
        throw new DndError('INVALID_WEIGHTS', `${reader.path}: ${error.message}`, { cause: error });
      }
      await yieldToEventLoop();
    }
    done += elementCount(shape);
    onProgress?.(done / total);
  }
}

/** Parameter name → tensor name in the file. */
function findTensors(parameters: readonly Readonly<ParameterInfo>[], reader: TensorReader): Map<string, string> {
  const found = new Map<string, string>();
  const missing: string[] = [];
  for (const { name } of parameters) {
    const oldest = name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta');
    const source = [name, `bert.${name}`, oldest, `bert.${oldest}`].find((candidate) => reader.tensors.has(candidate));
    if (source === undefined) missing.push(name);
    else found.set(name, source);
  }
  if (missing.length === 0) return found;
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : '';
  throw new DndError(
    'INVALID_WEIGHTS',
    `${reader.path} lacks tensors of the model in config.json: ${missing.slice(0, 3).join(', ')}${more}. Check that the files belong together`,
  );
}

function checkTensor(name: string, expected: readonly number[], reader: TensorReader) {
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
