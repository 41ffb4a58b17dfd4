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

/** The same with two columns at once, so that the vectors are read half as often; the sums are the same. */
export function dotsOfFourByTwo(
  [v0, v1, v2, v3]: Four,
  one: Float64Array,
  other: Float64Array,
): [[number, number, number, number], [number, number, number, number]] {
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
  let [other0, other1, other2, other3] = [0, 0, 0, 0];
  for (let i = 0; i < one.length; i++) {
    const first = one[i]!;
    const second = other[i]!;
    const a = v0[i]!;
    const b = v1[i]!;
    const c = v2[i]!;
    const d = v3[i]!;
    sum0 += a * first;
    sum1 += b * first;
    sum2 += c * first;
    sum3 += d * first;
    other0 += a * second;
    other1 += b * second;
    other2 += c * second;
    other3 += d * second;
  }
  return [
    [sum0, sum1, sum2, sum3],
    [other0, other1, other2, other3],
  ];
}

/** column += Σ factors[k] · vectors[k] */
export function combineFour([v0, v1, v2, v3]: Four, factors: readonly number[], column: Float64Array): void {
  const [factor0, factor1, factor2, factor3] = factors as [number, number, number, number];
  for (let i = 0; i < column.length; i++)
    column[i]! += factor0 * v0[i]! + factor1 * v1[i]! + (factor2 * v2[i]! + factor3 * v3[i]!);
}

/** The same to two columns at once. */
export function combineFourByTwo(
  [v0, v1, v2, v3]: Four,
  ofOne: readonly number[],
  ofOther: readonly number[],
  one: Float64Array,
  other: Float64Array,
): void {
  const [factor0, factor1, factor2, factor3] = ofOne as [number, number, number, number];
  const [other0, other1, other2, other3] = ofOther as [number, number, number, number];
  for (let i = 0; i < one.length; i++) {
    const a = v0[i]!;
    const b = v1[i]!;
    const c = v2[i]!;
    const d = v3[i]!;
    one[i]! += factor0 * a + factor1 * b + (factor2 * c + factor3 * d);
    other[i]! += other0 * a + other1 * b + (other2 * c + other3 * d);
  }
}
