import { DndError } from '../../errors.js';
import { type ComparableBase, checkShape } from '../base-shapes.js';
import type { Widths } from '../modules.js';
import { architectureOf } from './architectures.js';
import type { GgufBase } from './base.js';
import { type Place, placeOfModule, weightName } from './names.js';
import { canPermute } from './permute.js';

/**
 * Compares a pair of matrices with the base model: its weight exists, and the widths agree.
 * @param source the adapter, for errors
 * @throws DndError SHAPE_MISMATCH
 */
export function checkWeight(
  base: GgufBase,
  place: Place,
  widths: { inputWidth: number; outputWidth: number },
  source: string,
): void {
  const shape = base.weightShape(place.layer, place.module.weight) ?? 'missing';
  checkShape(weightName(place), widths, shape, { source: base.source, description: describe(base) }, source);
}

function describe({ architecture, layers }: GgufBase): string {
  return `${architecture}, ${layers} layers`;
}

/** A base whose weights have llama.cpp's names, for the modules of an adapter that have transformers'. */
export function comparableGgufBase(base: GgufBase): ComparableBase {
  const architecture = architectureOf(base.architecture, base.source);
  return {
    source: base.source,
    description: describe(base),
    shapeOf(module) {
      const place = placeOfModule(module, architecture);
      return place === undefined ? 'unknown' : (base.weightShape(place.layer, place.module.weight) ?? 'missing');
    },
  };
}

/** Distinct widths, whose sums are distinct too: two sides of equal numbers here are of one width in any base. */
const WIDTH_SIGNS: Widths = {
  hidden: 1,
  query: 2 ** 8,
  keyValue: 2 ** 16,
  queryKeyValue: 2 ** 8 + 2 ** 17,
  intermediate: 2 ** 24,
  gateUp: 2 ** 25,
};

/**
 * Compares pairs of matrices with each other, where no base model is known: each width is one number in all layers and
 * projections of the supported architectures.
 * @param source the adapter, for errors
 * @throws DndError SHAPE_MISMATCH
 */
export function checkSameWidths(
  pairs: readonly { place: Place; inputWidth: number; outputWidth: number }[],
  source: string,
): void {
  const seen = new Map<number, { width: number; what: string }>();
  for (const { place, inputWidth, outputWidth } of pairs) {
    const [input, output] = place.module.shape(WIDTH_SIGNS);
    for (const [sign, width, side] of [
      [input, inputWidth, 'inputs'],
      [output, outputWidth, 'outputs'],
    ] as const) {
      const what = `${side} of ${weightName(place)}`;
      const first = seen.get(sign);
      if (first === undefined) seen.set(sign, { width, what });
      else if (first.width !== width)
        throw new DndError(
          'SHAPE_MISMATCH',
          `${source}: the ${what} do not fit the ${first.what}; expected ${first.width}, got ${width}. Give the base model (--base) to see which is wrong`,
        );
    }
  }
}

/**
 * The heads by which llama.cpp permutes the rows of this module's B; undefined where it does not.
 * @throws DndError INVALID_ARGUMENT without the base model that has them; SHAPE_MISMATCH for rows that these heads do not
 * divide into pairs
 */
export function permutingHeads(
  { module, layer }: Place,
  rows: number,
  base: GgufBase | undefined,
  architecture: string,
  source: string,
): number | undefined {
  if (module.permutedBy === undefined) return undefined;
  if (base === undefined) {
    throw new DndError(
      'INVALID_ARGUMENT',
      `${source}: llama.cpp orders the rows of q and k of the architecture ${architecture} by their heads, whose number ` +
        'only the base model has. Give its config.json, its folder or its GGUF file as base (--base)',
    );
  }
  const heads = base[module.permutedBy];
  if (canPermute(rows, heads)) return heads;
  const name = weightName({ module, layer });
  throw new DndError('SHAPE_MISMATCH', `${source}: the ${rows} rows of ${name} are not made of ${heads} heads`);
}
