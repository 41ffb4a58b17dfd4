/**
 * Where the rows of q and k go: transformers keeps the two halves of a head's rotary pairs one after the other, llama.cpp
 * pair by pair. Source: `LlamaModel.permute` of convert_hf_to_gguf.py.
 * @param move called with transformers' row and llama.cpp's
 */
function eachRow(rows: number, heads: number, move: (transformers: number, llamaCpp: number) => void): void {
  const width = rows / heads;
  for (let head = 0; head < rows; head += width) {
    for (let pair = 0; pair < width / 2; pair++) {
      move(head + pair, head + 2 * pair);
      move(head + width / 2 + pair, head + 2 * pair + 1);
    }
  }
}

/** Whether rows can be permuted by so many heads: each has whole pairs. */
export function canPermute(rows: number, heads: number): boolean {
  return rows % (2 * heads) === 0;
}

/**
 * The rows of a matrix in llama.cpp's order, or back in transformers'.
 * @param matrix [rows, columns]; `canPermute(rows, heads)`
 * @returns a copy
 */
export function permuteRows(
  matrix: Float32Array,
  columns: number,
  heads: number,
  to: 'llama.cpp' | 'transformers',
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(matrix.length);
  eachRow(matrix.length / columns, heads, (transformers, llamaCpp) => {
    const [from, target] = to === 'llama.cpp' ? [transformers, llamaCpp] : [llamaCpp, transformers];
    result.set(matrix.subarray(from * columns, (from + 1) * columns), target * columns);
  });
  return result;
}
