/**
 * The index of the first NaN or infinity, or -1. Infinity − Infinity and NaN − NaN are both NaN: sums, several so that they
 * overlap, tell whether to look closer. (`findIndex` alone takes ten times as long.)
 */
export function firstNonFinite(values: Float32Array | Float64Array): number {
  let [even, odd] = [0, 0];
  const pairs = values.length - (values.length % 2);
  for (let index = 0; index < pairs; index += 2) {
    even += values[index]! - values[index]!;
    odd += values[index + 1]! - values[index + 1]!;
  }
  if (pairs < values.length) even += values[pairs]! - values[pairs]!;
  return even + odd === 0 ? -1 : values.findIndex((value) => !Number.isFinite(value));
}
