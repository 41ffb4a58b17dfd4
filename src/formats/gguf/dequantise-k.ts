import { type DequantiseBlocks, half } from './dequantise-blocks.js';
import { halves } from './halves.js';

/** "K-quants": super-blocks of 256 elements, whose sub-blocks have quantised scales. Exactness: see `DequantiseBlocks`. */
const ELEMENTS = 256;

/** Block: 16 scales with minima of 4 bits each, 2-bit values, scale of the scales, scale of the minima. */
export const dequantiseQ2_K: DequantiseBlocks = (bytes, blocks, out) => {
  const values = halves();
  for (let block = 0, at = 0, to = 0; block < blocks; block++, at += 84, to += ELEMENTS) {
    const scale = values[half(bytes, at + 80)]!;
    const minimumScale = values[half(bytes, at + 82)]!;
    // Sub-block s: values of bits 2·(s/2 mod 4) in the 16 bytes of its half of a group of 32.
    for (let sub = 0; sub < 16; sub++) {
      const packed = bytes[at + sub]!;
      const step = scale * (packed & 0xf);
      const minimum = minimumScale * (packed >> 4);
      const from = at + 16 + 32 * (sub >> 3) + 16 * (sub & 1);
      const shift = sub & 6;
      const first = to + 16 * sub;
      for (let i = 0; i < 16; i++) out[first + i] = step * ((bytes[from + i]! >> shift) & 3) - minimum;
    }
  }
};

/** The 6-bit scale of a sub-block of Q3_K: low bits in eight bytes, high bits in the four that follow. */
function scaleQ3(bytes: Uint8Array, at: number, sub: number): number {
  const low = sub < 8 ? bytes[at + sub]! & 0xf : bytes[at + sub - 8]! >> 4;
  const high = (bytes[at + 8 + (sub & 3)]! >> (2 * (sub >> 2))) & 3;
  return (low | (high << 4)) - 32;
}

/** Block: third bits of all values, their low two bits, 16 scales of 6 bits, scale of the scales. */
export const dequantiseQ3_K: DequantiseBlocks = (bytes, blocks, out) => {
  const values = halves();
  for (let block = 0, at = 0, to = 0; block < blocks; block++, at += 110, to += ELEMENTS) {
    const scale = values[half(bytes, at + 108)]!;
    for (let sub = 0; sub < 16; sub++) {
      const step = scale * scaleQ3(bytes, at + 96, sub);
      const from = at + 32 + 32 * (sub >> 3) + 16 * (sub & 1);
      const highFrom = at + 16 * (sub & 1);
      const highShift = sub >> 1;
      const shift = sub & 6;
      const first = to + 16 * sub;
      for (let i = 0; i < 16; i++) {
        const high = (bytes[highFrom + i]! >> highShift) & 1;
        out[first + i] = step * (((bytes[from + i]! >> shift) & 3) - 4 * (1 - high));
      }
    }
  }
};

/** The 6-bit scale (`part` 0) or minimum (`part` 4) of a sub-block of Q4_K and Q5_K, out of 12 bytes. */
function scaleQ4(bytes: Uint8Array, at: number, sub: number, part: 0 | 4): number {
  if (sub < 4) return bytes[at + sub + part]! & 63;
  const low = part === 0 ? bytes[at + sub + 4]! & 0xf : bytes[at + sub + 4]! >> 4;
  return low | ((bytes[at + sub - 4 + part]! >> 6) << 4);
}

/** Block: scale of the scales, scale of the minima, 8 scales and minima of 6 bits, 4-bit values. */
export const dequantiseQ4_K: DequantiseBlocks = (bytes, blocks, out) => {
  const values = halves();
  for (let block = 0, at = 0, to = 0; block < blocks; block++, at += 144, to += ELEMENTS) {
    const scale = values[half(bytes, at)]!;
    const minimumScale = values[half(bytes, at + 2)]!;
    for (let sub = 0; sub < 8; sub++) {
      const step = scale * scaleQ4(bytes, at + 4, sub, 0);
      const minimum = minimumScale * scaleQ4(bytes, at + 4, sub, 4);
      const from = at + 16 + 32 * (sub >> 1);
      const shift = 4 * (sub & 1);
      const first = to + 32 * sub;
      for (let i = 0; i < 32; i++) out[first + i] = step * ((bytes[from + i]! >> shift) & 0xf) - minimum;
    }
  }
};

/** Block: as Q4_K, with the fifth bits of all values before the low four. */
export const dequantiseQ5_K: DequantiseBlocks = (bytes, blocks, out) => {
  const values = halves();
  for (let block = 0, at = 0, to = 0; block < blocks; block++, at += 176, to += ELEMENTS) {
    const scale = values[half(bytes, at)]!;
    const minimumScale = values[half(bytes, at + 2)]!;
    for (let sub = 0; sub < 8; sub++) {
      const step = scale * scaleQ4(bytes, at + 4, sub, 0);
      const minimum = minimumScale * scaleQ4(bytes, at + 4, sub, 4);
      const from = at + 48 + 32 * (sub >> 1);
      const shift = 4 * (sub & 1);
      const first = to + 32 * sub;
      for (let i = 0; i < 32; i++) {
        const high = (bytes[at + 16 + i]! >> sub) & 1;
        out[first + i] = step * (((bytes[from + i]! >> shift) & 0xf) | (high << 4)) - minimum;
      }
    }
  }
};

/** Block: low four bits of all values, their high two bits, 16 signed scales, scale of the scales. */
export const dequantiseQ6_K: DequantiseBlocks = (bytes, blocks, out) => {
  const values = halves();
  for (let block = 0, at = 0, to = 0; block < blocks; block++, at += 210, to += ELEMENTS) {
    const scale = values[half(bytes, at + 208)]!;
    for (let sub = 0; sub < 16; sub++) {
      const step = scale * ((bytes[at + 192 + sub]! << 24) >> 24);
      const group = sub >> 3;
      // Of its group of 128 elements: the quarter (32 elements) and the half of that.
      const quarter = (sub >> 1) & 3;
      const part = 16 * (sub & 1);
      const lowFrom = at + 64 * group + 32 * (quarter & 1) + part;
      const lowShift = 4 * (quarter >> 1);
      const highFrom = at + 128 + 32 * group + part;
      const highShift = 2 * quarter;
      const first = to + 16 * sub;
      for (let i = 0; i < 16; i++) {
        const low = (bytes[lowFrom + i]! >> lowShift) & 0xf;
        const high = (bytes[highFrom + i]! >> highShift) & 3;
        out[first + i] = step * ((low | (high << 4)) - 32);
      }
    }
  }
};
