import type { CausalEngine, ParameterDtype } from '../engine/index.js';
import { DndError } from '../errors.js';
import { elementCount, isFloatDtype } from '../formats/dtypes.js';
import type { TensorReader } from '../formats/safetensors/index.js';
import type { TensorPlace } from '../formats/tensor-place.js';
import { quote } from '../validation/index.js';
import { type LoadParametersOptions, loadParameters, type ParameterTarget } from '../weights/index.js';

/** A language model to fill: a `CausalEngine`. */
export type WeightStore = Pick<CausalEngine, 'parameters'> & ParameterTarget;

/** Where weights come from: tensors under transformers' names. */
export interface WeightReader extends Pick<TensorReader, 'path' | 'tensors' | 'chunks' | 'close'> {
  /** As of `TensorReader`; undefined for a tensor that is converted while it is read. */
  place?(name: string): TensorPlace | undefined;
  /** Of a file with other names: that of a tensor, which need not be there. */
  nameOf?(name: string): string;
}

/**
 * Fills a language model with the tensors of a file; tensors that it has no use for are ignored, such as the copy of a
 * tied head, in safetensors, and refused in GGUF, where every tensor takes part in what llama.cpp computes.
 * @throws DndError INVALID_WEIGHTS for missing tensors, integers, NaN and infinity; SHAPE_MISMATCH; `signal.reason`
 */
export async function loadLanguageWeights(
  engine: WeightStore,
  reader: WeightReader,
  options: LoadParametersOptions = {},
): Promise<void> {
  requireAll(engine.parameters, reader);
  if (reader.nameOf) refuseOthers(engine.parameters, reader);
  const sources = engine.parameters.map(({ name, shape }) => {
    return { tensor: name, dtype: checkTensor(name, shape, reader), parameters: [name], elements: elementCount(shape) };
  });
  await loadParameters(engine, reader, sources, options);
}

const nameIn = (reader: WeightReader, name: string) => reader.nameOf?.(name) ?? name;

/** What describes the model, for messages. */
const describedBy = (reader: WeightReader) => (reader.nameOf ? 'its metadata' : 'config.json');

function requireAll(parameters: WeightStore['parameters'], reader: WeightReader): void {
  const missing = parameters.map(({ name }) => name).filter((name) => !reader.tensors.has(name));
  if (missing.length === 0) return;
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : '';
  const names = missing.slice(0, 3).map((name) => nameIn(reader, name));
  throw new DndError(
    'INVALID_WEIGHTS',
    `${reader.path} lacks tensors of the model in ${describedBy(reader)}: ${names.join(', ')}${more}. Check that the files belong together`,
  );
}

function refuseOthers(parameters: WeightStore['parameters'], reader: WeightReader): void {
  const known = new Set(parameters.map(({ name }) => name));
  const other = [...reader.tensors.keys()].find((name) => !known.has(name));
  if (other === undefined) return;
  throw new DndError(
    'UNSUPPORTED_BASE',
    `${reader.path}: the model in ${describedBy(reader)} has no tensor ${quote(nameIn(reader, other))}, which may change what it computes`,
  );
}

function checkTensor(name: string, expected: readonly number[], reader: WeightReader): ParameterDtype {
  const { dtype, shape } = reader.tensors.get(name)!;
  const what = `${reader.path}: tensor ${nameIn(reader, name)}`;
  if (shape.length !== expected.length || shape.some((size, axis) => size !== expected[axis])) {
    throw new DndError(
      'SHAPE_MISMATCH',
      `${what} has the wrong shape; expected [${expected.join(', ')}] by ${describedBy(reader)}, got [${shape.join(', ')}]`,
    );
  }
  if (isFloatDtype(dtype)) return dtype;
  throw new DndError(
    'INVALID_WEIGHTS',
    `${what} has dtype ${dtype}, which is not a floating-point type; quantised language models are only supported as GGUF files`,
  );
}
