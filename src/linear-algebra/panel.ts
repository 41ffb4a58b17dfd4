type Four = readonly [Float64Array, Float64Array, Float64Array, Float64Array];

/** The scalar products of four vectors with a column, which is read once. */
export function dotsOfFour([v0, v1, v2, v3]: Four, column: Float64Array): [number, number, number, number] {
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
  for (let i = 0; i < column.length; i++) {
    const value = column[i]!;
    sum0 += v0[i]! * value;
    sum1 += v1[i]! * value;
    sum2 += v2[i]! * value;
    sum3 += v3[i]! * value;
  }
  return [sum0, sum1, sum2, sum3];
}

/** column += Σ factors[k] · vectors[k] */
export function combineFour([v0, v1, v2, v3]: Four, factors: readonly number[], column: Float64Array): void {
  const [factor0, factor1, factor2, factor3] = factors as [number, number, number, number];
  for (let i = 0; i < column.length; i++)
    column[i]! += factor0 * v0[i]! + factor1 * v1[i]! + (factor2 * v2[i]! + factor3 * v3[i]!);
}
