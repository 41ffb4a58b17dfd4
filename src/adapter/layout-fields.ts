import { DndError } from '../errors.js';
import type { LayoutFields } from './layout-options.js';
import { fusedTwice, MODULES, type Module, type WidthName, type Widths } from './modules.js';
import { type Part, parseModulePath, parseTensorName, placeKey, tensorName } from './names.js';
import { otherModule } from './other-tensors.js';

/** Name and shape of one matrix. */
export interface TensorShape {
  /** PEFT's name of it. */
  name: string;
  /** [rank, input width] for A, [output width, rank] for B. */
  shape: readonly number[];
}

interface Place extends TensorShape {
  layersPath: string;
  layer: number;
  module: Module;
  part: Part;
}

function mismatch(what: string): DndError {
  return new DndError('SHAPE_MISMATCH', what);
}

function placeOf(tensor: TensorShape): Place {
  const parsed = parseTensorName(tensor.name);
  const place = parsed && parseModulePath(parsed.module);
  if (!parsed || !place) {
    const other = parsed && otherModule(parsed.module);
    throw new DndError(
      'UNSUPPORTED_BASE',
      other
        ? `${tensor.name} is ${other.what}, for which there is no adapter layout. ${other.advice}`
        : `${tensor.name} is not a LoRA matrix of a Llama, Mistral, Qwen, Gemma, Phi or similar layer ` +
            '(layers.N.self_attn.{q,k,v,qkv,o}_proj or layers.N.mlp.{up,gate,gate_up,down}_proj), ' +
            'so there is no adapter layout for it',
    );
  }
  const { shape, name } = tensor;
  if (shape.length !== 2 || shape.some((size) => size < 1)) {
    throw mismatch(`${name} has shape [${shape.join(', ')}]; a LoRA matrix has two sizes of at least 1`);
  }
  return { ...tensor, ...place, part: parsed.part };
}

/** Every tensor of one adapter names the same path to its layers, and the same rank. */
function uniform<Value>(places: readonly Place[], read: (place: Place) => Value, what: string): Value {
  const [first, ...others] = places;
  const value = read(first!);
  const other = others.find((place) => read(place) !== value);
  if (!other) return value;
  throw mismatch(
    `an adapter layout needs one ${what} for all tensors, but ${first!.name} has ${value} and ${other.name} ${read(other)}`,
  );
}

function collectWidths(places: readonly Place[]): Partial<Widths> {
  const seen = new Map<WidthName, { width: number; name: string }>();
  for (const { module, part, shape, name } of places) {
    const key = part === 'A' ? module.input : module.output;
    const width = (part === 'A' ? shape[1] : shape[0])!;
    const before = seen.get(key);
    if (before && before.width !== width) {
      throw mismatch(
        `${name} is ${width} wide where ${before.name}, on the same side of its layer, is ${before.width}`,
      );
    }
    if (!before) seen.set(key, { width, name });
  }
  return Object.fromEntries(Array.from(seen, ([key, { width }]) => [key, width]));
}

function checkComplete(places: readonly Place[], layers: readonly number[], modules: readonly Module[]): void {
  const present = new Set(places.map(({ name }) => placeKey(name)));
  if (present.size < places.length)
    throw mismatch('the adapter contains a matrix twice, under two spellings of its name');
  for (const layer of layers) {
    for (const module of modules) {
      for (const part of ['A', 'B'] as const) {
        if (present.has(`${layer}.${module.name}.${part}`)) continue;
        const missing = tensorName(`layers.${layer}.${module.parent}.${module.name}`, part);
        throw mismatch(`an adapter layout needs the same modules in every layer, but there is no ${missing}`);
      }
    }
  }
}

/**
 * The layout fields that an adapter's tensors determine: rank, modules, layers and widths.
 * @throws DndError UNSUPPORTED_BASE, SHAPE_MISMATCH
 */
export function layoutFields(tensors: Iterable<TensorShape>): LayoutFields {
  const places = Array.from(tensors, placeOf);
  if (places.length === 0) throw mismatch('the adapter has no tensors');
  const rank = uniform(places, ({ part, shape }) => (part === 'A' ? shape[0] : shape[1])!, 'rank');
  const layersPath = uniform(places, (place) => place.layersPath, 'path to its layers');
  const layers = [...new Set(places.map(({ layer }) => layer))].sort((a, b) => a - b);
  const modules = MODULES.filter((module) => places.some((place) => place.module === module));
  checkComplete(places, layers, modules);
  const names = modules.map(({ name }) => name);
  const twice = fusedTwice(names);
  if (twice) throw mismatch(`the adapter has both ${twice[0]} and ${twice[1]}, which no layer has`);
  return { base: null, widths: collectWidths(places), layers, layersPath, rank, modules: names };
}
