import { join } from 'node:path';
import { toFloat32 } from '../../src/formats/dtypes.js';
import { dequantise, isReadableType, type ReadableType } from '../../src/formats/gguf/index.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';

/** By the Python package gguf: see make_dequantised.py beside it. A larger one can be named to test more blocks. */
const FIXTURE = process.env.DND_DEQUANTISED ?? join(__dirname, '../fixtures/gguf/dequantised.safetensors');

/** The bits, where every NaN is the same: numpy and ggml themselves differ in those. */
function bitsOf(values: Float32Array): Uint32Array {
  const bits = new Uint32Array(values.slice().buffer);
  return bits.map((word, index) => (Number.isNaN(values[index]) ? 0x7fc00000 : word));
}

describe('dequantising', () => {
  test.each<ReadableType>(['Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q8_0', 'Q2_K', 'Q3_K', 'Q4_K', 'Q5_K', 'Q6_K'])(
    "%s gives the bits of ggml's reference, for scales of every kind",
    async (type) => {
      const file = await SafetensorsFile.open(FIXTURE);
      try {
        const expected = await file.readFloat32(`${type}.values`);
        const values = dequantise(await file.read(`${type}.bytes`), type);
        expect(Buffer.from(bitsOf(values).buffer).equals(Buffer.from(bitsOf(expected).buffer))).toBe(true);
        expect(expected.some(Number.isFinite) && !expected.every(Number.isFinite)).toBe(true);
      } finally {
        await file.close();
      }
    },
  );

  test('floating-point types are converted as anywhere else', () => {
    const bytes = new Uint8Array([0x00, 0x3c, 0x80, 0x3f]);
    expect([...dequantise(bytes, 'F16')]).toEqual([...toFloat32(bytes, 'F16')]);
    expect([...dequantise(bytes, 'BF16')]).toEqual([...toFloat32(bytes, 'BF16')]);
    expect([...dequantise(new Uint8Array(new Float32Array([1.5, -2]).buffer), 'F32')]).toEqual([1.5, -2]);
  });

  test('integers and types of other kinds have no values', () => {
    expect(['I32', 'I8', 'IQ2_XXS', 'Q8_K', 'MXFP4'].filter((type) => isReadableType(type as 'I32'))).toEqual([]);
  });
});
