import type { EncoderEngine } from '../engine/index.js';
import { DndError } from '../errors.js';
import { elementCount, type FloatDtype, isFloatDtype } from '../formats/dtypes.js';
import type { TensorReader } from '../formats/safetensors/index.js';
import {
  type LoadParametersOptions,
  loadParameters,
  type ParameterSource,
  type ParameterTarget,
} from '../weights/index.js';
import type { TensorNames } from './encoder-config.js';
import { findTensors } from './tensor-names.js';

/** A text encoder to fill. */
export type EncoderTarget = Pick<EncoderEngine, 'parameters'> & ParameterTarget;

export interface EncoderWeightOptions extends LoadParametersOptions {
  /** Of the model's tensors. Default: BERT's. */
  names?: TensorNames | undefined;
  /** What the names of the engine's parameters begin with, beside the model's own. Default: nothing. */
  prefix?: string | undefined;
}

/**
 * Fills a text encoder with the tensors of a file; other tensors are ignored.
 * @throws DndError INVALID_WEIGHTS for missing tensors, integers, NaN and infinity; SHAPE_MISMATCH; `signal.reason`
 */
export async function loadEncoderWeights(
  engine: EncoderTarget,
  reader: TensorReader,
  { names, prefix = '', ...options }: EncoderWeightOptions = {},
): Promise<void> {
  await loadParameters(engine, reader, sourcesOf(engine, reader, { names, prefix }), options);
}

function sourcesOf(
  engine: EncoderTarget,
  reader: TensorReader,
  { names, prefix }: { names: TensorNames | undefined; prefix: string },
): ParameterSource[] {
  const own = (name: string) => name.slice(prefix.length);
  const places = findTensors(
    engine.parameters.map(({ name }) => own(name)),
    reader,
    names,
  );
  const tensors = new Map<string, { shape: readonly number[]; parameters: string[] }>();
  for (const { name, shape } of engine.parameters) {
    const { tensor, part, parts } = places.get(own(name))!;
    const [rows, ...rest] = shape;
    const found = tensors.get(tensor) ?? { shape: [rows! * parts, ...rest], parameters: Array(parts) };
    found.parameters[part] = name;
    tensors.set(tensor, found);
  }
  return Array.from(tensors, ([tensor, { shape, parameters }]) => {
    const dtype = checkTensor(tensor, shape, reader);
    return { tensor, dtype, parameters, elements: elementCount(shape) / parameters.length };
  });
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
