import { DndError } from '../../errors.js';
import type { GgufBase } from './base.js';
import { type Place, weightName } from './names.js';
import { canPermute } from './permute.js';

/**
 * Compares a pair of matrices with the base model: its weight exists, and the widths agree.
 * @param source the adapter, for errors
 * @throws DndError SHAPE_MISMATCH
 */
export function checkWeight(
  base: GgufBase,
  place: Place,
  { inputWidth, outputWidth }: { inputWidth: number; outputWidth: number },
  source: string,
): void {
  const name = weightName(place);
  const shape = base.weightShape(place.layer, place.module.weight);
  if (shape === undefined) {
    throw new DndError(
      'SHAPE_MISMATCH',
      `${source} adapts ${name}, which the base model ${base.source} (${base.architecture}, ${base.layers} layers) does not have`,
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
