import { checkWholeNumber } from '../validation/index.js';

/** Tasks that go through a decoder together at most: far more than any machine has memory for. */
export const LARGEST_BATCH = 2 ** 16;

/** @throws DndError INVALID_ARGUMENT */
export function checkBatch(batch: unknown): void {
  checkWholeNumber(batch, 'batch', 1, LARGEST_BATCH);
}
