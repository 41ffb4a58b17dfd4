import { halves } from './halves.js';

/**
 * Dequantises whole blocks into `out`. Source of every layout and formula here and in dequantise-k.ts: ggml,
 * `block_*` in ggml-common.h and `dequantize_row_*` in ggml-quants.c. Products of a scale and a quantised value are exact
 * in float32 as well as in double precision, so that one rounding, when the sum is stored, gives ggml's very bits.
 */
export type DequantiseBlocks = (bytes: Uint8Array, blocks: number, out: Float32Array) => void;

const ELEMENTS = 32;
const HALF = ELEMENTS / 2;

/** Of a half at `at`, as an index of the table of halves. */
export function half(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

/** Block: scale, 16 bytes of two 4-bit values each: the first half of the elements is in the low bits. */
export const dequantiseQ4_0: DequantiseBlocks = (bytes, blocks, out) => {
  const values = halves();
  for (let block = 0, at = 0, to = 0; block < blocks; block++, at += 18, to += ELEMENTS) {
    const scale = values[half(bytes, at)]!;
    for (let i = 0; i < HALF; i++) {
      const pair = bytes[at + 2 + i]!;
      out[to + i] = scale * ((pair & 0xf) - 8);
      out[to + i + HALF] = scale * ((pair >> 4) - 8);
    }
  }
};

/** Block: scale, minimum, 4-bit values as in Q4_0. */
export const dequantiseQ4_1: DequantiseBlocks = (bytes, blocks, out) => {
  const values = halves();
  for (let block = 0, at = 0, to = 0; block < blocks; block++, at += 20, to += ELEMENTS) {
    const scale = values[half(bytes, at)]!;
    const minimum = values[half(bytes, at + 2)]!;
    for (let i = 0; i < HALF; i++) {
      const pair = bytes[at + 4 + i]!;
      out[to + i] = scale * (pair & 0xf) + minimum;
      out[to + i + HALF] = scale * (pair >> 4) + minimum;
    }
  }
};

/** Block: scale, the fifth bits of all values, their low four bits as in Q4_0. */
export const dequantiseQ5_0: DequantiseBlocks = (bytes, blocks, out) => {
  const values = halves();
  for (let block = 0, at = 0, to = 0; block < blocks; block++, at += 22, to += ELEMENTS) {
    const scale = values[half(bytes, at)]!;
    const low = half(bytes, at + 2);
    const high = half(bytes, at + 4);
    for (let i = 0; i < HALF; i++) {
      const pair = bytes[at + 6 + i]!;
      out[to + i] = scale * (((pair & 0xf) | (((low >> i) & 1) << 4)) - 16);
      out[to + i + HALF] = scale * (((pair >> 4) | (((high >> i) & 1) << 4)) - 16);
    }
  }
};

/** Block: scale, minimum, fifth bits and low bits as in Q5_0. */
export const dequantiseQ5_1: DequantiseBlocks = (bytes, blocks, out) => {
  const values = halves();
  for (let block = 0, at = 0, to = 0; block < blocks; block++, at += 24, to += ELEMENTS) {
    const scale = values[half(bytes, at)]!;
    const minimum = values[half(bytes, at + 2)]!;
    const low = half(bytes, at + 4);
    const high = half(bytes, at + 6);
    for (let i = 0; i < HALF; i++) {
      const pair = bytes[at + 8 + i]!;
      out[to + i] = scale * ((pair & 0xf) | (((low >> i) & 1) << 4)) + minimum;
      out[to + i + HALF] = scale * ((pair >> 4) | (((high >> i) & 1) << 4)) + minimum;
    }
  }
};

/** Block: scale, 32 signed bytes. */
export const dequantiseQ8_0: DequantiseBlocks = (bytes, blocks, out) => {
  const values = halves();
  for (let block = 0, at = 0, to = 0; block < blocks; block++, at += 34, to += ELEMENTS) {
    const scale = values[half(bytes, at)]!;
    for (let i = 0; i < ELEMENTS; i++) out[to + i] = scale * ((bytes[at + 2 + i]! << 24) >> 24);
  }
};
