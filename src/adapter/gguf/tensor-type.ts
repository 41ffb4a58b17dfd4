import { type GgmlType, ggmlBytes, hasInfiniteScale, type QuantisedType, quantise } from '../../formats/gguf/index.js';
import type { AdapterDtype, Encode } from '../encode.js';

/** The types in which adapters are written; llama.cpp reads each. */
export const GGUF_DTYPES = {
  f32: 'F32',
  f16: 'F16',
  bf16: 'BF16',
  q8_0: 'Q8_0',
  q4_0: 'Q4_0',
} as const satisfies Record<string, GgmlType>;

/** Dtypes of GGUF adapters: `f32`, `f16`, `bf16`, or the quantised `q8_0` and `q4_0`. */
export type GgufDtypeName = keyof typeof GGUF_DTYPES;
/** The same as GGUF files name them: `F32`, `F16`, `BF16`, `Q8_0`, `Q4_0`. */
export type GgufDtype = (typeof GGUF_DTYPES)[GgufDtypeName];

/** For what a quantised type cannot hold: rows (of B: the rank) that are not made of whole blocks. */
const FALLBACK = 'F16';

/** The type in which a matrix of this shape (in ggml's order) is written. */
export function typeFor(dtype: GgufDtype, shape: readonly number[]): GgufDtype {
  return ggmlBytes(dtype, shape) === undefined ? FALLBACK : dtype;
}

function quantised(type: QuantisedType, largest: string): Encode {
  return {
    dtype: type,
    largest,
    encode: (values) => quantise(values, type),
    overflows: (bytes) => hasInfiniteScale(bytes, type),
  };
}

/** The scales are halves, up to 65504: that of a block is a 127th or an 8th of its largest value. */
const QUANTISED: Record<QuantisedType, Encode> = {
  Q8_0: quantised('Q8_0', '8.3e6'),
  Q4_0: quantised('Q4_0', '5.2e5'),
};

export function encodingOf(type: GgufDtype): AdapterDtype | Encode {
  return type === 'Q8_0' || type === 'Q4_0' ? QUANTISED[type] : type;
}
