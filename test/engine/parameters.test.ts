import type { DecoderEngine } from '../../src/engine/index.js';
import { conditionOf, createDecoder, LARGE, SMALL } from './decoders.js';

const WEIGHT = 'decoder.module_list.0.linear2.weight'; // [4, 3, 3, 3]
let engine: DecoderEngine;
beforeEach(async () => {
  engine = await createDecoder(SMALL);
});
afterEach(() => engine.dispose());

const bytesOf = (array: Float32Array | Float64Array | Uint16Array) =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

test('what is written in pieces is read back in other pieces', () => {
  const values = Float32Array.from({ length: 108 }, (_, index) => index / 7);
  engine.writeParameter(WEIGHT, 50, bytesOf(values.subarray(50)), 'F32');
  engine.writeParameter(WEIGHT, 0, bytesOf(values.subarray(0, 50)), 'F32');
  expect(engine.readParameter(WEIGHT, 0, 108)).toEqual(values);
  expect(engine.readParameter(WEIGHT, 30, 40)).toEqual(values.slice(30, 70));
  expect(engine.readParameter(WEIGHT, 108, 0)).toEqual(new Float32Array(0));
});

test.each([
  ['F16', bytesOf(Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff)), [1, -2, 2 ** -24, 65504]],
  ['BF16', bytesOf(Uint16Array.of(0x3f80, 0xc000, 0x3e80, 0x4780)), [1, -2, 0.25, 65536]],
  ['F64', bytesOf(Float64Array.of(1, -2, 0.1, 1e-320)), [1, -2, Math.fround(0.1), 0]],
] as const)('%s is converted to float32', (dtype, bytes, wanted) => {
  engine.writeParameter(WEIGHT, 104, bytes, dtype);
  expect([...engine.readParameter(WEIGHT, 104, 4)]).toEqual(wanted);
});

test('bytes may start at any address', () => {
  const shifted = new Uint8Array(9);
  shifted.set(bytesOf(Float32Array.of(1.5, -3)), 1);
  engine.writeParameter(WEIGHT, 0, shifted.subarray(1), 'F32');
  expect([...engine.readParameter(WEIGHT, 0, 2)]).toEqual([1.5, -3]);
});

test.each([
  ['NaN', 'F32', bytesOf(Float32Array.of(0, Number.NaN)), /holds NaN at \[3, 2, 2, 0\] \(element 105, stored as F32\)/],
  ['infinity', 'BF16', bytesOf(Uint16Array.of(0, 0xff80)), /holds -Infinity at \[3, 2, 2, 0\]/],
  ['a number beyond float32', 'F64', bytesOf(Float64Array.of(0, 1e39)), /holds Infinity at \[3, 2, 2, 0\]/],
] as const)('a weight that is %s is named', (_what, dtype, bytes, message) => {
  expect(() => engine.writeParameter(WEIGHT, 104, bytes, dtype)).toThrow(
    expect.objectContaining({ code: 'INVALID_WEIGHTS', message: expect.stringMatching(message) }),
  );
});

describe('wrong arguments are named, with what was expected and what was given', () => {
  const four = new Uint8Array(4);
  test.each<[string, () => unknown, RegExp]>([
    ['name', () => engine.writeParameter('decoder.weight', 0, four, 'F32'), /name: .*got "decoder.weight"/],
    ['end', () => engine.writeParameter(WEIGHT, 108, four, 'F32'), /within the 108 of .*got \[108, 109\)/],
    [
      'offset',
      () => engine.writeParameter(WEIGHT, -1, four, 'F32'),
      /elementOffset: expected a whole number ≥ 0, got -1/,
    ],
    [
      'half an element',
      () => engine.writeParameter(WEIGHT, 0, new Uint8Array(5), 'F32'),
      /whole elements of F32, got 5/,
    ],
    ['dtype', () => engine.writeParameter(WEIGHT, 0, four, 'I32' as 'F32'), /one of "F32", .*got "I32"/],
    ['bytes', () => engine.writeParameter(WEIGHT, 0, undefined as never, 'F32'), /bytes: .*got undefined/],
    ['count', () => engine.readParameter(WEIGHT, 100, 9), /within the 108 of .*got \[100, 109\)/],
  ])('%s', (_what, call, message) => {
    expect(call).toThrow(
      expect.objectContaining({ name: 'DndError', code: 'INVALID_ARGUMENT', message: expect.stringMatching(message) }),
    );
  });
});

test('parameters are left alone while a job works with them', async () => {
  const large = await createDecoder(LARGE);
  const controller = new AbortController();
  const forward = large.forward(conditionOf(large), 1, { signal: controller.signal });
  try {
    const { name } = large.parameters[0]!;
    expect(() => large.writeParameter(name, 0, new Uint8Array(4), 'F32')).toThrow('has a running job');
    expect(() => large.readParameter(name, 0, 1)).toThrow('has a running job');
  } finally {
    controller.abort();
    await expect(forward).rejects.toThrow();
    large.dispose();
  }
});

test('parameterBytes counts them all in float32', () => {
  const elements = engine.parameters.reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  expect(engine.parameterBytes).toBe(4 * elements);
});
