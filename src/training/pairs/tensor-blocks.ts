import { type AdapterLayout, type LayoutTensor, matrixPairs } from '../../adapter/index.js';

/** Neighbouring tensors whose weight tokens are worked on at once. */
export interface TensorBlock {
  tensors: readonly LayoutTensor[];
  /** Where the elements of their tokens are among those of the whole layout. */
  start: number;
  end: number;
}

/**
 * The tensors of a layout in blocks of at most `most` elements of weight tokens, but at least one module's two matrices:
 * some readers need both together.
 */
export function tensorBlocks(layout: AdapterLayout, most: number): TensorBlock[] {
  const elements = layout.tokenHeight * layout.tokenWidth;
  const blocks: LayoutTensor[][] = [];
  let remaining = 0;
  for (const { a, b } of matrixPairs(layout.tensors)) {
    const own = elements * (a.tokenCount + b.tokenCount);
    remaining -= own;
    if (remaining < 0 || blocks.length === 0) {
      blocks.push([]);
      remaining = most - own;
    }
    blocks.at(-1)!.push(a, b);
  }
  return blocks.map((tensors) => {
    const last = tensors.at(-1)!;
    return {
      tensors,
      start: tensors[0]!.firstToken * elements,
      end: (last.firstToken + last.tokenCount) * elements,
    };
  });
}
