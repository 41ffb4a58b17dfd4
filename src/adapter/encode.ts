import { DndError } from '../errors.js';
import { type FloatDtype, fromFloat32 } from '../formats/dtypes.js';
import { firstNonFinite } from '../formats/non-finite.js';
import type { AdapterTensor } from './lora-adapter.js';

export type AdapterDtype = Exclude<FloatDtype, 'F64'>;

/** How values become bytes: their type, its largest value, and whether some were beyond it. */
export interface Encode {
  dtype: string;
  largest: string;
  encode: (values: Float32Array) => Uint8Array<ArrayBuffer>;
  overflows: (bytes: Uint8Array<ArrayBuffer>) => boolean;
}

/** Converting this many values takes about a millisecond. A multiple of every block of quantised types. */
const SLICE = 2 ** 17;

const LARGEST: Record<AdapterDtype, string> = { BF16: '3.39e38', F16: '65504', F32: '3.40e38' };

function checkFinite(values: Float32Array, first: number, name: string, { shape }: AdapterTensor): void {
  const wrong = firstNonFinite(values);
  if (wrong < 0) return;
  const [row, column] = [Math.floor((first + wrong) / shape[1]!), (first + wrong) % shape[1]!];
  throw new DndError(
    'INVALID_WEIGHTS',
    `${name} holds ${values[wrong]} at [${row}, ${column}]; weights must be finite`,
  );
}

function isInfinite(bytes: Uint8Array<ArrayBuffer>, dtype: AdapterDtype): boolean {
  if (dtype === 'F32') return false;
  const exponent = dtype === 'BF16' ? 0x7f80 : 0x7c00;
  const halves = new Uint16Array(bytes.buffer);
  for (let i = 0; i < halves.length; i++) if ((halves[i]! & exponent) === exponent) return true;
  return false;
}

/** Float32 is written as it is in memory. */
function viewOf(values: Float32Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength);
}

function floatEncoding(dtype: AdapterDtype): Encode {
  return {
    dtype,
    largest: LARGEST[dtype],
    encode: (values) => (dtype === 'F32' ? viewOf(values) : fromFloat32(values, dtype)),
    overflows: (bytes) => isInfinite(bytes, dtype),
  };
}

/**
 * The values of a matrix as bytes, in slices; of float32, views of the values themselves.
 * @param name for errors
 * @throws DndError INVALID_WEIGHTS for NaN, infinity, or values that the type cannot hold
 */
export async function* encodeWeights(
  name: string,
  tensor: AdapterTensor,
  type: AdapterDtype | Encode,
  yieldToEventLoop: () => Promise<void>,
): AsyncGenerator<Uint8Array, void, void> {
  const { dtype, largest, encode, overflows } = typeof type === 'string' ? floatEncoding(type) : type;
  for (let first = 0; first < tensor.data.length; first += SLICE) {
    await yieldToEventLoop();
    const values = tensor.data.subarray(first, first + SLICE);
    checkFinite(values, first, name, tensor);
    const bytes = encode(values);
    if (overflows(bytes)) {
      throw new DndError(
        'INVALID_WEIGHTS',
        `${name} holds weights beyond ${largest}, the largest of ${dtype}; write another dtype`,
      );
    }
    yield bytes;
  }
}
