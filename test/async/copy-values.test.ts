import { valueCopier } from '../../src/async/index.js';

test('copies values to an offset and leaves the others alone', async () => {
  const to = new Float32Array(5).fill(9);
  await valueCopier(undefined)(Float32Array.of(1, 2), to, 2);
  expect([...to]).toEqual([9, 9, 1, 2, 9]);
});

test('fills what is left of the size with zeros', async () => {
  const to = new Float32Array(5).fill(9);
  await valueCopier(undefined)(Float32Array.of(1), to, 1, 3);
  expect([...to]).toEqual([9, 1, 0, 0, 9]);
});

test('copies and fills whole arrays that take several slices', async () => {
  const from = Float32Array.from({ length: 2 ** 19 + 3 }, (_, index) => index);
  const to = new Float32Array(2 ** 21).fill(9);
  await valueCopier(undefined)(from, to, 1, 2 ** 20 + 5);
  expect(to[0]).toBe(9);
  expect(from.every((value, index) => to[1 + index] === value)).toBe(true);
  expect(to.subarray(1 + from.length, 2 ** 20 + 6).every((value) => value === 0)).toBe(true);
  expect(to[2 ** 20 + 6]).toBe(9);
});

test('stops after a slice when it is aborted', async () => {
  const to = new Float32Array(2 ** 20);
  const copy = valueCopier(AbortSignal.abort('enough'));
  await expect(copy(new Float32Array(2 ** 20).fill(1), to, 0)).rejects.toBe('enough');
  expect(to.at(-1)).toBe(0);
});
