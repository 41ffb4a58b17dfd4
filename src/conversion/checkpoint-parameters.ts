import { withoutWrappers } from '../adapter/index.js';
import { DndError } from '../errors.js';
import { isFloatDtype } from '../formats/dtypes.js';
import type { TensorInfo, TensorReader } from '../formats/safetensors/index.js';
import { decoderParameters, layerPrefix } from '../generator/decoder-parameters.js';
import { checkDecoderShape, type DecoderShape, type Feature } from '../generator/decoder-shape.js';
import { quote } from '../validation/index.js';

/** Ends where the names of the first layer's parameters begin. */
const FIRST_LAYER = `${layerPrefix(0)}linear2.weight`;
/** In the published code a model has its decoder as `model`, and the length projection beside it. */
const DECODER_ATTRIBUTE = 'model.';
const IMPORTANCE = 'criterion_weight';
/** The text encoder, which the published code leaves out when it saves, and which is loaded from its own folder. */
const TEXT_ENCODER = /^(?:condition_module|extra_condition)\./;

type TensorFile = Pick<TensorReader, 'path' | 'tensors'>;

/** What a checkpoint of the published code holds. */
export interface CheckpointParameters {
  shape: DecoderShape;
  /** In the engine's order: its name, and the tensor of the file. */
  parameters: { name: string; info: TensorInfo }[];
  /** The token importance it was trained with, [1, tokens, 1, 1]. */
  importance: TensorInfo | undefined;
}

/**
 * Finds the decoder in a checkpoint of the published code. Its shape follows from the tensors' shapes. Every tensor must
 * be accounted for: a decoder with something more would compute something else.
 * @throws DndError SHAPE_MISMATCH, UNSUPPORTED_FORMAT (not a floating dtype)
 */
export function checkpointParameters(file: TensorFile): CheckpointParameters {
  const named = plainNames(file);
  const { decoder, model } = prefixes(named, file.path);
  const find = (name: string) =>
    named.get(name.startsWith('decoder.') ? decoder + name : projectionName(name, named, decoder, model));
  const shape = shapeOf(find, file.path);
  const known = new Set<TensorInfo>();
  const parameters = decoderParameters(shape).map(({ name, shape: expected }) => {
    const info = checked(find(name), name, expected, file.path);
    known.add(info);
    return { name, info };
  });
  const importance = named.get(model + IMPORTANCE);
  for (const [name, info] of named) {
    if (known.has(info) || info === importance || TEXT_ENCODER.test(name.slice(model.length))) continue;
    throw new DndError(
      'SHAPE_MISMATCH',
      `${file.path}: tensor ${quote(info.name)} is not a part of a published decoder. Remove it, or check that this is the checkpoint of a generator`,
    );
  }
  return { shape, parameters, importance };
}

function plainNames(file: TensorFile): Map<string, TensorInfo> {
  const named = new Map<string, TensorInfo>();
  for (const info of file.tensors.values()) {
    const name = withoutWrappers(info.name);
    const other = named.get(name);
    if (other) {
      throw new DndError(
        'SHAPE_MISMATCH',
        `${file.path}: ${quote(info.name)} and ${quote(other.name)} are two spellings of one name`,
      );
    }
    named.set(name, info);
  }
  return named;
}

/** What stands before the names of the decoder, and before those of the model that has it. */
function prefixes(named: ReadonlyMap<string, TensorInfo>, path: string): { decoder: string; model: string } {
  const found = [...named.keys()]
    .filter((name) => name === FIRST_LAYER || name.endsWith(`.${FIRST_LAYER}`))
    .map((name) => name.slice(0, -FIRST_LAYER.length));
  const [decoder] = found;
  if (decoder === undefined) {
    const some = [...named.keys()].slice(0, 3).map(quote).join(', ');
    throw new DndError(
      'SHAPE_MISMATCH',
      `${path}: it holds no decoder; expected tensors such as ${DECODER_ATTRIBUTE}${FIRST_LAYER}, got ${some || 'no tensors'}`,
    );
  }
  if (found.length > 1) {
    const all = found.map((prefix) => quote(prefix)).join(', ');
    throw new DndError(
      'SHAPE_MISMATCH',
      `${path}: it holds ${found.length} decoders, below ${all}. Save one of them alone`,
    );
  }
  const model = decoder.endsWith(DECODER_ATTRIBUTE) ? decoder.slice(0, -DECODER_ATTRIBUTE.length) : decoder;
  return { decoder, model };
}

/** Beside the decoder, as published; or with the decoder's prefix, as in a generator folder. */
function projectionName(name: string, named: ReadonlyMap<string, TensorInfo>, decoder: string, model: string): string {
  return named.has(model + name) ? model + name : decoder + name;
}

type Find = (name: string) => TensorInfo | undefined;

function shapeOf(find: Find, path: string): DecoderShape {
  const features: Feature[] = [];
  let kernelSize = 0;
  for (let layer = 0; layer === 0 || find(`${layerPrefix(layer)}linear2.weight`); layer++) {
    const sizes = (name: string) => fourSizes(find(layerPrefix(layer) + name), layerPrefix(layer) + name, path);
    const [tokens, tokensBefore, taps] = sizes('linear2.weight');
    const [width, widthBefore] = sizes('linear1.conv1w.weight');
    const [height, heightBefore] = sizes('linear1.conv1h.weight');
    if (layer === 0) features.push([tokensBefore, heightBefore, widthBefore]);
    features.push([tokens, height, width]);
    kernelSize = taps;
  }
  const projection = find('down_proj.weight');
  const projectedFrom = projection?.shape.length === 2 ? projection.shape[1] : 0;
  return checkDecoderShape({ features, kernelSize, projectedFrom }, path, 'SHAPE_MISMATCH');
}

function fourSizes(info: TensorInfo | undefined, name: string, path: string): [number, number, number, number] {
  if (info?.shape.length === 4) return info.shape as [number, number, number, number];
  const got = info ? `[${info.shape.join(', ')}]` : 'nothing';
  throw new DndError(
    'SHAPE_MISMATCH',
    `${path}: ${name} must be the weight of a convolution, of four axes; got ${got}`,
  );
}

function checked(info: TensorInfo | undefined, name: string, expected: readonly number[], path: string): TensorInfo {
  if (!info)
    throw new DndError('SHAPE_MISMATCH', `${path}: it lacks the decoder's parameter ${name} [${expected.join(', ')}]`);
  if (info.shape.length !== expected.length || info.shape.some((size, axis) => size !== expected[axis])) {
    throw new DndError(
      'SHAPE_MISMATCH',
      `${path}: tensor ${quote(info.name)} does not fit the others; expected [${expected.join(', ')}], got [${info.shape.join(', ')}]`,
    );
  }
  if (isFloatDtype(info.dtype)) return info;
  throw new DndError('UNSUPPORTED_FORMAT', `${path}: tensor ${quote(info.name)} is ${info.dtype}, not a float`);
}
