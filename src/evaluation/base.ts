import type { BaseModel } from '../adapter/index.js';
import { DndError } from '../errors.js';
import type { LanguageModel } from '../language/index.js';

/** Sizes that adapters depend on, in words. */
const SIZES = {
  layers: 'layers',
  hidden: 'hidden size',
  heads: 'attention heads',
  kvHeads: 'key and value heads',
  headDim: 'head width',
  intermediate: 'intermediate size',
} as const;

/**
 * Refuses a generator that makes adapters for another base than `model`.
 * @param wanted the base in the manifest of the generator in `folder`
 * @throws DndError SHAPE_MISMATCH, with every size that differs
 */
export function checkBase(wanted: BaseModel, folder: string, model: Pick<LanguageModel, 'base' | 'folder'>): void {
  const sizes = Object.keys(SIZES) as (keyof typeof SIZES)[];
  const different = sizes.filter((size) => wanted[size] !== model.base[size]);
  if (different.length === 0) return;
  const list = (base: BaseModel) => different.map((size) => `${SIZES[size]} ${base[size]}`).join(', ');
  throw new DndError(
    'SHAPE_MISMATCH',
    `the generator ${folder} does not belong to the base ${model.folder}: expected ${list(wanted)}, got ${list(model.base)}. Use the base that it was made for`,
  );
}
