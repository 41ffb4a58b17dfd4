import { eventLoopYielder, type LongOperation } from '../async/index.js';
import type { ParameterDtype, ParameterInfo } from '../engine/index.js';
import { DndError } from '../errors.js';
import { elementCount, isFloatDtype } from '../formats/dtypes.js';
import type { TensorReader } from '../formats/safetensors/index.js';

/** The engine copies a megabyte in well below a millisecond. */
const CHUNK_BYTES = 2 ** 20;

/** What weights are written into: a `CausalEngine`. */
export interface WeightStore {
  readonly parameters: readonly Readonly<ParameterInfo>[];
  writeParameter(name: string, elementOffset: number, bytes: Uint8Array, dtype: ParameterDtype): void;
}

/**
 * Copies a language model's weights from safetensors into the engine; tensors that it has no use for are ignored, such
 * as the copy of a tied head.
 * @throws DndError INVALID_WEIGHTS for missing tensors, integers, NaN and infinity; SHAPE_MISMATCH; `signal.reason`
 */
export async function loadLanguageWeights(
  engine: WeightStore,
  reader: TensorReader,
  { signal, onProgress }: LongOperation = {},
): Promise<void> {
  requireAll(engine.parameters, reader);
  const yieldToEventLoop = eventLoopYielder();
  const total = engine.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  let done = 0;
  for (const { name, shape } of engine.parameters) {
    const dtype = checkTensor(name, shape, reader);
    for await (const { elementOffset, bytes } of reader.chunks(name, CHUNK_BYTES)) {
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

function requireAll(parameters: WeightStore['parameters'], reader: TensorReader): void {
  const missing = parameters.map(({ name }) => name).filter((name) => !reader.tensors.has(name));
  if (missing.length === 0) return;
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : '';
  throw new DndError(
    'INVALID_WEIGHTS',
    `${reader.path} lacks tensors of the model in config.json: ${missing.slice(0, 3).join(', ')}${more}. Check that the files belong together`,
  );
}

function checkTensor(name: string, expected: readonly number[], reader: TensorReader): ParameterDtype {
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
    `${reader.path}: tensor ${name} has dtype ${dtype}, which is not a floating-point type; quantised language models are not supported`,
  );
}
