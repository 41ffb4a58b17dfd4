import { fromFloat32 } from '../dtypes.js';
import { GGML_TYPES } from './tensor-types.js';

/** The quantised types that this package writes. */
export type QuantisedType = 'Q8_0' | 'Q4_0';

const ELEMENTS = 32;
const HALF = ELEMENTS / 2;
const SCALE_BYTES = 2;

/** A block's scale in float32 (stored as half) and its reciprocal, from the value of largest magnitude. */
type ScaleOf = (largest: number) => number;

/** Fills the bytes after a block's scale. */
type FillBlock = (values: Float32Array, from: number, reciprocal: number, bytes: Uint8Array, at: number) => void;

function quantiseBlocks(
  values: Float32Array,
  type: QuantisedType,
  scaleOf: ScaleOf,
  fill: FillBlock,
): Uint8Array<ArrayBuffer> {
  const { blockBytes } = GGML_TYPES[type];
  const blocks = values.length / ELEMENTS;
  const bytes = new Uint8Array(blocks * blockBytes);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const from = block * ELEMENTS;
    let largest = 0;
    for (let i = from; i < from + ELEMENTS; i++) if (Math.abs(values[i]!) > Math.abs(largest)) largest = values[i]!;
    scales[block] = scaleOf(largest);
    const scale = scales[block]!;
    fill(values, from, scale === 0 ? 0 : Math.fround(1 / scale), bytes, block * blockBytes + SCALE_BYTES);
  }
  const halves = fromFloat32(scales, 'F16');
  for (let block = 0; block < blocks; block++)
    bytes.set(halves.subarray(SCALE_BYTES * block, SCALE_BYTES * (block + 1)), block * blockBytes);
  return bytes;
}

/** C's roundf: halves away from zero. */
function round(value: number): number {
  return value < 0 ? -Math.floor(0.5 - value) : Math.floor(value + 0.5);
}

const fillQ8_0: FillBlock = (values, from, reciprocal, bytes, at) => {
  for (let i = 0; i < ELEMENTS; i++) bytes[at + i] = round(Math.fround(values[from + i]! * reciprocal));
};

const fillQ4_0: FillBlock = (values, from, reciprocal, bytes, at) => {
  for (let i = 0; i < HALF; i++) {
    const low = nibble(values[from + i]!, reciprocal);
    bytes[at + i] = low | (nibble(values[from + HALF + i]!, reciprocal) << 4);
  }
};

function nibble(value: number, reciprocal: number): number {
  return Math.min(15, Math.trunc(Math.fround(Math.fround(value * reciprocal) + 8.5)));
}

/**
 * Quantises blocks of 32 values as ggml's reference implementation does, bit for bit (`quantize_row_q8_0_ref`,
 * `quantize_row_q4_0_ref` in ggml-quants.c).
 * @param values finite; a whole number of blocks
 */
export function quantise(values: Float32Array, type: QuantisedType): Uint8Array<ArrayBuffer> {
  return type === 'Q8_0'
    ? quantiseBlocks(values, type, (largest) => Math.abs(largest) / 127, fillQ8_0)
    : quantiseBlocks(values, type, (largest) => largest / -8, fillQ4_0);
}

/** Whether a block's scale is beyond what half precision holds, so that its values would be infinite. */
export function hasInfiniteScale(bytes: Uint8Array, type: QuantisedType): boolean {
  const { blockBytes } = GGML_TYPES[type];
  for (let at = 0; at < bytes.length; at += blockBytes) if ((bytes[at + 1]! & 0x7c) === 0x7c) return true;
  return false;
}
