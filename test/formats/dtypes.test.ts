import fc from 'fast-check';
import {
  elementCount,
  type FloatDtype,
  fromFloat32,
  fromFloat64,
  parseFloatDtype,
  toFloat32,
} from '../../src/formats/dtypes.js';

/** What the bits of a half mean, by the definition of IEEE 754 binary16. */
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent ? (1 + mantissa / 1024) * 2 ** (exponent - 15) : mantissa * 2 ** -24);
}

/** The value that has the upper 16 bits of a float32. */
function bfloatValue(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits * 65536);
  return view.getFloat32(0);
}

const VALUES = { F16: halfValue, BF16: bfloatValue } as const;
const everyPattern = new Uint16Array(65536).map((_, bits) => bits);

/** The pattern whose value is nearest, ties to the even pattern; magnitudes ascend with the patterns. */
function nearestPattern(value: number, dtype: 'F16' | 'BF16'): number {
  const infinity = dtype === 'F16' ? 0x7c00 : 0x7f80;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  let low = 0;
  for (let high = infinity; high - low > 1; ) {
    const middle = (low + high) >> 1;
    if (VALUES[dtype](middle) <= magnitude) low = middle;
    else high = middle;
  }
  const below = VALUES[dtype](low);
  // Infinity takes the place of the next finite value, which the exponent cannot represent.
  const above = low + 1 === infinity ? 2 * below - VALUES[dtype](low - 1) : VALUES[dtype](low + 1);
  if (magnitude === Number.POSITIVE_INFINITY) return sign | infinity;
  const up = magnitude - below > above - magnitude || (magnitude - below === above - magnitude && low % 2 === 1);
  return sign | (low + (up ? 1 : 0));
}

function patternsOf(values: number[], dtype: 'F16' | 'BF16'): number[] {
  return [...new Uint16Array(fromFloat32(Float32Array.from(values), dtype).buffer)];
}

describe.each(['F16', 'BF16'] as const)('%s', (dtype) => {
  test('every one of the 65,536 patterns means what it should', () => {
    const values = toFloat32(new Uint8Array(everyPattern.buffer), dtype);
    const expected = Float32Array.from(everyPattern, (bits) => VALUES[dtype](bits));
    expect(values.findIndex((value, bits) => !Object.is(value, expected[bits]))).toBe(-1);
  });

  test('float64 is rounded once: beside the middle of two patterns, to the nearer one', () => {
    const rounded = (value: number) => new Uint16Array(fromFloat64(Float64Array.of(value), dtype).buffer)[0]!;
    const last = dtype === 'F16' ? 0x7bff : 0x7f7f;
    const pattern = fc.integer({ min: 0, max: last - 1 });
    fc.assert(
      fc.property(pattern, fc.constantFrom(-1, 0, 1), fc.boolean(), (bits, side, negative) => {
        const middle = (VALUES[dtype](bits) + VALUES[dtype](bits + 1)) / 2;
        const value = (middle + side * 2 ** -40 * middle) * (negative ? -1 : 1);
        expect(rounded(value)).toBe(nearestPattern(value, dtype));
      }),
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => expect(rounded(value)).toBe(nearestPattern(value, dtype))),
    );
    expect(VALUES[dtype](rounded(Number.NaN))).toBeNaN();
  });

  test('every pattern survives the way to float32 and back; NaN stays NaN', () => {
    const values = toFloat32(new Uint8Array(everyPattern.buffer), dtype);
    const back = new Uint16Array(fromFloat32(values, dtype).buffer);
    const lost = everyPattern.filter((bits) => back[bits] !== bits && !Number.isNaN(VALUES[dtype](bits)));
    expect([...lost]).toEqual([]);
    const numbers = everyPattern.filter((bits) => Number.isNaN(VALUES[dtype](bits)));
    expect(numbers.every((bits) => Number.isNaN(VALUES[dtype](back[bits]!)))).toBe(true);
  });

  test('values round to the nearest, also halfway, below the normal range and beyond the largest', () => {
    const bits = fc.integer({ min: 0, max: 0xffffffff });
    const value = bits.map((pattern) => new Float32Array(Uint32Array.of(pattern).buffer)[0]!);
    const halfway = fc
      .integer({ min: 0, max: dtype === 'F16' ? 0x7bfe : 0x7f7e })
      .map((pattern) => (VALUES[dtype](pattern) + VALUES[dtype](pattern + 1)) / 2);
    const near = fc.double({ min: -70000, max: 70000, noNaN: true }).map(Math.fround);
    const tiny = fc.double({ min: -(2 ** -13), max: 2 ** -13, noNaN: true }).map(Math.fround);
    fc.assert(
      fc.property(fc.oneof(value, halfway, near, tiny), (number) => {
        const [pattern] = patternsOf([number], dtype);
        if (Number.isNaN(number)) expect(VALUES[dtype](pattern!)).toBeNaN();
        else expect(pattern).toBe(nearestPattern(number, dtype));
      }),
      { numRuns: 20_000, seed: 1 },
    );
  });
});

test('the edges of half precision', () => {
  expect(patternsOf([65504, 65519.99, 65520, -1e30, 2 ** -24, 2 ** -25, 1.5 * 2 ** -25, -0], 'F16')).toEqual([
    0x7bff, 0x7bff, 0x7c00, 0xfc00, 0x0001, 0x0000, 0x0001, 0x8000,
  ]);
});

test('the edges of bfloat16', () => {
  const largest = VALUES.BF16(0x7f7f);
  expect(patternsOf([largest, 3.4028234e38, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 2 ** -149], 'BF16')).toEqual([
    0x7f7f, 0x7f80, 0x3f80, 0x3f82, 0x0000,
  ]);
});

test('F64 rounds as Math.fround does, F32 stays', () => {
  fc.assert(
    fc.property(fc.array(fc.double()), (numbers) => {
      const bytes = new Uint8Array(Float64Array.from(numbers).buffer);
      expect([...toFloat32(bytes, 'F64')]).toEqual(numbers.map(Math.fround));
      const floats = Float32Array.from(numbers);
      expect([...toFloat32(fromFloat32(floats, 'F32'), 'F32')]).toEqual([...floats]);
    }),
  );
});

test('bytes at an odd address are read all the same', () => {
  for (const dtype of ['F64', 'F32', 'BF16', 'F16'] satisfies FloatDtype[]) {
    const bytes = fromFloat32(Float32Array.of(1, -2, 0.5), dtype);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect([...toFloat32(shifted.subarray(1), dtype)]).toEqual([1, -2, 0.5]);
  }
});

test('elements are counted: a scalar has one, a zero anywhere makes none', () => {
  expect(elementCount([])).toBe(1);
  expect(elementCount([3, 4])).toBe(12);
  expect(elementCount([2 ** 52, 2 ** 52, 0])).toBe(0);
  expect(Number.isSafeInteger(elementCount([2 ** 52, 2 ** 52]))).toBe(false);
});

test('users name dtypes in either case; another one is refused', () => {
  expect(['bf16', 'F16', 'f32'].map(parseFloatDtype)).toEqual(['BF16', 'F16', 'F32']);
  for (const name of ['int8', 'U8', '__proto__', '']) {
    expect(() => parseFloatDtype(name)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  }
});

test('a sum just above the middle of two bfloat16 is not rounded twice', () => {
  const value = Float64Array.of(1 + (2 ** -8 + 2 ** -31));
  expect(new Uint16Array(fromFloat64(value, 'BF16').buffer)[0]).toBe(0x3f81);
  // Over float32, which holds its middle alone, it would be.
  expect(new Uint16Array(fromFloat32(new Float32Array(value), 'BF16').buffer)[0]).toBe(0x3f80);
});
