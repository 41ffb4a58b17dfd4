import type { LayoutTensor } from './layout-tensors.js';

/** The two matrices of a module in a layout. */
export interface MatrixPair {
  /** [rank, input width] */
  a: LayoutTensor;
  /** [output width, rank] */
  b: LayoutTensor;
}

/** The modules of a layout, in its order. */
export function matrixPairs(tensors: readonly LayoutTensor[]): MatrixPair[] {
  const ofB = new Map(tensors.filter(({ part }) => part === 'B').map((tensor) => [placeOf(tensor), tensor]));
  return tensors.filter(({ part }) => part === 'A').map((a) => ({ a, b: ofB.get(placeOf(a))! }));
}

function placeOf({ layer, module }: LayoutTensor): string {
  return `${layer}.${module}`;
}
