import { checkWholeNumber } from '../validation/index.js';

/** Maximum tasks in one decoder batch: far more than fit into any machine's memory. */
export const LARGEST_BATCH = 2 ** 16;

/** @throws DndError INVALID_ARGUMENT */
export function checkBatch(batch: unknown): void {
  checkWholeNumber(batch, 'batch', 1, LARGEST_BATCH);
}
