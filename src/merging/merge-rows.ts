import { DndError } from '../errors.js';
import { type FloatDtype, fromFloat64, toFloat32 } from '../formats/dtypes.js';
import type { MergeTarget } from './targets.js';

/** The smallest magnitude that rounds to infinity. */
const OVERFLOW: Record<FloatDtype, number> = {
  F64: Infinity,
  F32: (2 - 2 ** -24) * 2 ** 127,
  BF16: (2 - 2 ** -8) * 2 ** 127,
  F16: 65520,
};

/**
 * Rows of W + scale · left · right in the dtype of W: summed in float64 and rounded once.
 * @param bytes of whole rows of W, from `firstRow` on
 * @throws DndError INVALID_WEIGHTS where W is not finite, or the sum is beyond its dtype
 */
export function mergeRows(target: MergeTarget, bytes: Uint8Array<ArrayBuffer>, firstRow: number): Uint8Array {
  const { dtype, columns } = target;
  const weights = dtype === 'F64' ? new Float64Array(bytes.slice().buffer) : new Float64Array(toFloat32(bytes, dtype));
  for (let start = 0; start < weights.length; start += columns)
    addRow(target, firstRow + start / columns, weights.subarray(start, start + columns));
  const largest = OVERFLOW[dtype];
  for (let i = 0; i < weights.length; i++)
    if (!(Math.abs(weights[i]!) < largest)) throw notFinite(target, firstRow + Math.floor(i / columns), i % columns);
  return fromFloat64(weights, dtype);
}

/** row += scale · left[index] · right; four ranks at a time, so that the row is read and written a quarter as often. */
function addRow({ rank, columns, scale, left, right }: MergeTarget, index: number, row: Float64Array): void {
  const factor = (k: number) => (k < rank ? scale * left[index * rank + k]! : 0);
  const vector = (k: number) => right.subarray(Math.min(k, rank - 1) * columns, (Math.min(k, rank - 1) + 1) * columns);
  for (let k = 0; k < rank; k += 4) {
    const [factor0, factor1, factor2, factor3] = [factor(k), factor(k + 1), factor(k + 2), factor(k + 3)];
    const [vector0, vector1, vector2, vector3] = [vector(k), vector(k + 1), vector(k + 2), vector(k + 3)];
    for (let j = 0; j < row.length; j++)
      row[j]! += factor0 * vector0[j]! + factor1 * vector1[j]! + (factor2 * vector2[j]! + factor3 * vector3[j]!);
  }
}

function notFinite({ tensor, dtype }: MergeTarget, row: number, column: number): DndError {
  return new DndError(
    'INVALID_WEIGHTS',
    `${tensor}: at [${row}, ${column}] the merged weight is not finite in ${dtype}. ` +
      'Check that the base holds neither NaN nor infinity there, and that the adapter is not far too large',
  );
}
