/** The tensor of token importance, F32 [tokens], wherever this package writes it. */
export const IMPORTANCE_TENSOR = 'importance';

/** The index of the first value that no importance has, or -1: it is finite, and at least 0. */
export function firstWrongImportance(values: Float32Array): number {
  return values.findIndex((value) => !(Number.isFinite(value) && value >= 0));
}
