import { toFloat32 } from '../dtypes.js';

let table: Float32Array | undefined;

/** The values of all half-precision numbers, by their bits: 256 KiB, made when first used. */
export function halves(): Float32Array {
  if (table) return table;
  const bits = Uint16Array.from({ length: 2 ** 16 }, (_, value) => value);
  table = toFloat32(new Uint8Array(bits.buffer), 'F16');
  return table;
}
