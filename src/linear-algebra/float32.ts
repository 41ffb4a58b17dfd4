/** As `dot`, of two float32 vectors, in double precision. Apart from it, since code for one type of array is faster. */
export function scalarProduct(left: Float32Array, right: Float32Array): number {
  let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
  const length = left.length;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    sum0 += left[i]! * right[i]!;
    sum1 += left[i + 1]! * right[i + 1]!;
    sum2 += left[i + 2]! * right[i + 2]!;
    sum3 += left[i + 3]! * right[i + 3]!;
  }
  for (; i < length; i++) sum0 += left[i]! * right[i]!;
  return sum0 + sum1 + (sum2 + sum3);
}

/** As `addScaled`, of a float32 vector of which `target` takes its first elements: target += factor · from. */
export function addScaledFloats(factor: number, from: Float32Array, target: Float64Array): void {
  for (let i = 0; i < from.length; i++) target[i]! += factor * from[i]!;
}
