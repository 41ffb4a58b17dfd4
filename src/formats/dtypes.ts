import { DndError } from '../errors.js';
import { quoteValue } from '../validation/index.js';

/**
 * The element types of the safetensors format, in the order in which its reference writer sorts them within a file.
 * `bytes` is the size of one element, a fraction for those that are packed. All are little-endian, as is every supported
 * machine. `float`: of these this package computes with the values; of the others it only reads and writes the bytes.
 */
export const DTYPES = {
  U64: { bytes: 8, float: false },
  I64: { bytes: 8, float: false },
  F64: { bytes: 8, float: true },
  C64: { bytes: 8, float: false },
  F32: { bytes: 4, float: true },
  U32: { bytes: 4, float: false },
  I32: { bytes: 4, float: false },
  BF16: { bytes: 2, float: true },
  F16: { bytes: 2, float: true },
  U16: { bytes: 2, float: false },
  I16: { bytes: 2, float: false },
  F8_E5M2FNUZ: { bytes: 1, float: false },
  F8_E4M3FNUZ: { bytes: 1, float: false },
  F8_E8M0: { bytes: 1, float: false },
  F8_E4M3: { bytes: 1, float: false },
  F8_E5M2: { bytes: 1, float: false },
  I8: { bytes: 1, float: false },
  U8: { bytes: 1, float: false },
  F6_E3M2: { bytes: 0.75, float: false },
  F6_E2M3: { bytes: 0.75, float: false },
  F4: { bytes: 0.5, float: false },
  BOOL: { bytes: 1, float: false },
} as const;

export type Dtype = keyof typeof DTYPES;
export type FloatDtype = 'F64' | 'F32' | 'BF16' | 'F16';

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPES, name);
}

export function isFloatDtype(dtype: Dtype): dtype is FloatDtype {
  return DTYPES[dtype].float;
}

/**
 * The most bytes up to `maxBytes` that hold whole elements, and end on a whole byte; at least one such group. Packed
 * elements share bytes: 2 of F4 take one, 4 of F6 take three.
 */
export function wholeElements(maxBytes: number, dtype: Dtype): number {
  const { bytes } = DTYPES[dtype];
  const group = Number.isInteger(bytes) ? bytes : bytes * 4;
  return Math.max(1, Math.floor(maxBytes / group)) * group;
}

/** The number of elements of a tensor; Infinity or inexact beyond the range of exact integers. */
export function elementCount(shape: readonly number[]): number {
  // A zero dimension makes it zero, even if the product overflowed before.
  return shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
}

const HALF_INFINITY = 0x7c00;
/** 65520 = the smallest magnitude that rounds to infinity in half precision, as float32 bits. */
const HALF_OVERFLOW = 0x477ff000;
/** 2⁻¹⁴, the smallest normal half, and 2⁻²⁵, half the smallest subnormal one, as float32 bits. */
const HALF_NORMAL = 0x38800000;
const HALF_UNDERFLOW = 0x33000000;
const FLOAT_INFINITY = 0x7f800000;

/** Rounds the float32 with these bits to half precision, to nearest and ties to even; NaN stays NaN. */
function halfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > FLOAT_INFINITY) return sign | HALF_INFINITY | 0x200 | ((magnitude >>> 13) & 0x3ff);
  if (magnitude >= HALF_OVERFLOW) return sign | HALF_INFINITY;
  if (magnitude >= HALF_NORMAL) {
    const odd = (magnitude >>> 13) & 1;
    return sign | ((magnitude + 0xfff + odd - 0x38000000) >>> 13);
  }
  if (magnitude <= HALF_UNDERFLOW) return sign;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23);
  const kept = mantissa >>> shift;
  const rest = mantissa - kept * 2 ** shift;
  const halfway = 2 ** (shift - 1);
  const up = rest > halfway || (rest === halfway && (kept & 1) === 1);
  return sign | (kept + (up ? 1 : 0));
}

/** Rounds the float32 with these bits to bfloat16, to nearest and ties to even; NaN stays NaN. */
function bfloatBits(bits: number): number {
  if ((bits & 0x7fffffff) > FLOAT_INFINITY) return (bits >>> 16) | 0x40;
  const odd = (bits >>> 16) & 1;
  return ((bits + 0x7fff + odd) >>> 16) & 0xffff;
}

/** The float32 bits of a half. */
function floatBitsOfHalf(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 0x1f) return sign | FLOAT_INFINITY | (mantissa << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  // Subnormal: shift the leading one out of the mantissa.
  const shift = Math.clz32(mantissa) - 21;
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}

/** A view of `bytes` as elements of an array type, copied first when they are not aligned to it. */
function aligned(bytes: Uint8Array, elementBytes: number): { buffer: ArrayBufferLike; offset: number; count: number } {
  const source = bytes.byteOffset % elementBytes === 0 ? bytes : bytes.slice();
  return { buffer: source.buffer, offset: source.byteOffset, count: source.byteLength / elementBytes };
}

/**
 * Little-endian values of `dtype` as float32; F64 is rounded to nearest. Aligned F32 is returned as a view of the same
 * memory.
 */
export function toFloat32(bytes: Uint8Array<ArrayBuffer>, dtype: FloatDtype): Float32Array<ArrayBuffer> {
  const { buffer, offset, count } = aligned(bytes, DTYPES[dtype].bytes);
  if (dtype === 'F32') return new Float32Array(buffer as ArrayBuffer, offset, count);
  if (dtype === 'F64') return new Float32Array(new Float64Array(buffer, offset, count));
  const result = new Float32Array(count);
  widen(new Uint16Array(buffer, offset, count), dtype, result);
  return result;
}

/**
 * The same into memory that is there.
 * @param into [elements of `bytes`]
 */
export function intoFloat32(bytes: Uint8Array<ArrayBuffer>, dtype: FloatDtype, into: Float32Array): void {
  if (dtype === 'F32' || dtype === 'F64') {
    into.set(toFloat32(bytes, dtype));
    return;
  }
  const { buffer, offset, count } = aligned(bytes, DTYPES[dtype].bytes);
  widen(new Uint16Array(buffer, offset, count), dtype, into);
}

/** Halves of either kind as float32, by their bits. */
function widen(source: Uint16Array, dtype: 'F16' | 'BF16', into: Float32Array): void {
  const bits = new Uint32Array(into.buffer, into.byteOffset, source.length);
  if (dtype === 'BF16') for (let i = 0; i < source.length; i++) bits[i] = source[i]! << 16;
  else for (let i = 0; i < source.length; i++) bits[i] = floatBitsOfHalf(source[i]!);
}

/** Float32 values as little-endian bytes of `dtype`, rounded to nearest and ties to even; always a copy. */
export function fromFloat32(values: Float32Array, dtype: FloatDtype): Uint8Array<ArrayBuffer> {
  if (dtype === 'F32') return new Uint8Array(new Float32Array(values).buffer);
  if (dtype === 'F64') return new Uint8Array(new Float64Array(values).buffer);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const result = new Uint16Array(values.length);
  if (dtype === 'BF16') for (let i = 0; i < result.length; i++) result[i] = bfloatBits(bits[i]!);
  else for (let i = 0; i < result.length; i++) result[i] = halfBits(bits[i]!);
  return new Uint8Array(result.buffer);
}

/**
 * Float64 values as float32 "rounded to odd": of the two neighbours of a value between two float32, the one whose last bit
 * is 1. Rounding that to a shorter dtype gives what rounding the value itself gives.
 * Source: Boldo & Melquiond, "Emulation of FMA and correctly rounded sums", 2008.
 */
function roundedToOdd(values: Float64Array): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values);
  const bits = new Uint32Array(result.buffer);
  for (let i = 0; i < result.length; i++) {
    const [value, nearest] = [values[i]!, result[i]!];
    if (nearest === value || (bits[i]! & 1) === 1) continue;
    bits[i]! += Math.abs(nearest) > Math.abs(value) ? -1 : 1;
  }
  return result;
}

/** Float64 values as little-endian bytes of `dtype`, rounded once, to nearest and ties to even; always a copy. */
export function fromFloat64(values: Float64Array, dtype: FloatDtype): Uint8Array<ArrayBuffer> {
  if (dtype === 'F64') return new Uint8Array(new Float64Array(values).buffer);
  return fromFloat32(dtype === 'F32' ? new Float32Array(values) : roundedToOdd(values), dtype);
}

/** Parses a dtype name from the command line or an option: `bf16`, `F32` … */
export function parseFloatDtype(name: string): FloatDtype {
  const dtype = name.toUpperCase();
  if (isDtype(dtype) && isFloatDtype(dtype)) return dtype;
  throw new DndError('INVALID_ARGUMENT', `there is no dtype ${quoteValue(name)}; choose bf16, f16 or f32`);
}
