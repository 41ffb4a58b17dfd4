import { isDtype, isFloatDtype, toFloat32 } from '../dtypes.js';
import {
  type DequantiseBlocks,
  dequantiseQ4_0,
  dequantiseQ4_1,
  dequantiseQ5_0,
  dequantiseQ5_1,
  dequantiseQ8_0,
} from './dequantise-blocks.js';
import { dequantiseQ2_K, dequantiseQ3_K, dequantiseQ4_K, dequantiseQ5_K, dequantiseQ6_K } from './dequantise-k.js';
import { GGML_TYPES, type GgmlType } from './tensor-types.js';

const BLOCK_TYPES = {
  Q4_0: dequantiseQ4_0,
  Q4_1: dequantiseQ4_1,
  Q5_0: dequantiseQ5_0,
  Q5_1: dequantiseQ5_1,
  Q8_0: dequantiseQ8_0,
  Q2_K: dequantiseQ2_K,
  Q3_K: dequantiseQ3_K,
  Q4_K: dequantiseQ4_K,
  Q5_K: dequantiseQ5_K,
  Q6_K: dequantiseQ6_K,
} as const satisfies Partial<Record<GgmlType, DequantiseBlocks>>;

/** Types whose values can be read: the floating-point types, and the quantised ones that models are published in. */
export type ReadableType = keyof typeof BLOCK_TYPES | 'F64' | 'F32' | 'F16' | 'BF16';

export const READABLE_TYPES: readonly ReadableType[] = (Object.keys(GGML_TYPES) as GgmlType[]).filter(isReadableType);

export function isReadableType(type: GgmlType): type is ReadableType {
  return isFloatType(type) || Object.hasOwn(BLOCK_TYPES, type);
}

function isFloatType(type: GgmlType): type is 'F64' | 'F32' | 'F16' | 'BF16' {
  return isDtype(type) && isFloatDtype(type);
}

/**
 * The values of a tensor's bytes, bit for bit those of ggml's reference implementation.
 * @param bytes whole blocks; aligned F32 is returned as a view of the same memory
 */
export function dequantise(bytes: Uint8Array<ArrayBuffer>, type: ReadableType): Float32Array<ArrayBuffer> {
  if (isFloatType(type)) return toFloat32(bytes, type);
  const { blockElements, blockBytes } = GGML_TYPES[type];
  const blocks = Math.floor(bytes.length / blockBytes);
  const values = new Float32Array(blocks * blockElements);
  BLOCK_TYPES[type](bytes, blocks, values);
  return values;
}
