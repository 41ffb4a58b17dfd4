import { DndError } from '../errors.js';
import { modulesOf } from './base-family.js';
import { allWidthsOf, type BaseModel } from './base-model.js';
import { parseModulePath } from './names.js';

/** Input and output width of a weight; 'missing' if the base has none of that name, 'unknown' if only the base could tell. */
export type BaseShape = readonly [number, number] | 'missing' | 'unknown';

/** A base model that the modules of an adapter can be compared with. */
export interface ComparableBase {
  /** Where it was read, and what it is, for errors: "llama, 32 layers". */
  source: string;
  description: string;
  /** @param module the base model's name of it, such as `model.layers.0.self_attn.q_proj` */
  shapeOf(module: string): BaseShape;
}

/** @param source where the base was read, for errors */
export function comparableBase(base: BaseModel, source: string): ComparableBase {
  const { modelType, layers } = base;
  const widths = allWidthsOf(base);
  const own = modulesOf(modelType);
  return {
    source,
    description: `${modelType}, ${layers} layers`,
    shapeOf(path) {
      const place = parseModulePath(path);
      if (place === undefined) return 'unknown';
      if (place.layer >= layers) return 'missing';
      const { name, input, output } = place.module;
      if (own.includes(name)) return [widths[input], widths[output]];
      // Beside experts, a layer may have an MLP of any width.
      return own.includes('down_proj') ? 'missing' : 'unknown';
    },
  };
}

/**
 * Compares a pair of matrices with the base's weight.
 * @param name of the weight, and `source`, the adapter: for errors
 * @throws DndError SHAPE_MISMATCH
 */
export function checkShape(
  name: string,
  { inputWidth, outputWidth }: { inputWidth: number; outputWidth: number },
  shape: BaseShape,
  base: Pick<ComparableBase, 'source' | 'description'>,
  source: string,
): void {
  if (shape === 'unknown') return;
  if (shape === 'missing') {
    throw new DndError(
      'SHAPE_MISMATCH',
      `${source} adapts ${name}, which the base model ${base.source} (${base.description}) does not have`,
    );
  }
  const [input, output] = shape;
  if (input !== inputWidth || output !== outputWidth) {
    throw new DndError(
      'SHAPE_MISMATCH',
      `${source}: ${name} does not fit the base model ${base.source}; expected ${input} inputs and ${output} outputs, ` +
        `got ${inputWidth} and ${outputWidth}`,
    );
  }
}
