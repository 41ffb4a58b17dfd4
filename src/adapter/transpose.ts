/** The transpose of a row-major matrix [rows, columns]. */
export function transposeOf(data: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const result = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result[column * rows + row] = data[row * columns + column]!;
  return result;
}
