import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FloatDtype, fromFloat32 } from '../../src/formats/dtypes.js';
import { SafetensorsFile, writeSafetensors } from '../../src/formats/safetensors/index.js';

let path: string;
beforeAll(async () => {
  path = join(await mkdtemp(join(tmpdir(), 'many-')), 'file.safetensors');
  // One is larger than a read, and begins within one.
  const shapes: [string, FloatDtype | 'I32', number[]][] = [
    ['a', 'BF16', [3, 5]],
    ['b', 'F16', [7]],
    ['large', 'BF16', [3000, 1000]],
    ['empty', 'F32', [0, 4]],
    ['c', 'F32', [2, 2]],
    ['d', 'F64', [3]],
    ['integers', 'I32', [1]],
  ];
  const tensors = shapes.map(([name, dtype, shape]) => {
    const values = Float32Array.from({ length: shape.reduce((one, other) => one * other, 1) }, (_, i) => (i % 91) / 4);
    const bytes = dtype === 'I32' ? new Uint8Array(4) : fromFloat32(values, dtype);
    return { name, dtype, shape, bytes: () => [bytes] };
  });
  await writeSafetensors(path, tensors);
});
afterAll(() => rm(join(path, '..'), { recursive: true }));

test('many tensors read together have the values of each', async () => {
  await using file = await SafetensorsFile.open(path);
  const names = new Set(['d', 'b', 'large', 'empty', 'c', 'a']);
  const found = new Map<string, Float32Array>();
  for await (const { info, values } of file.readManyFloat32(names)) found.set(info.name, values);
  expect([...found.keys()].sort()).toEqual([...names].sort());
  for (const [name, values] of found) {
    const expected = await file.readFloat32(name);
    expect(values.length).toBe(expected.length);
    expect(values.every((value, i) => value === expected[i])).toBe(true);
  }
});

test('an integer among them is refused before anything is read', async () => {
  await using file = await SafetensorsFile.open(path);
  const read = file.readManyFloat32(new Set(['a', 'integers']));
  await expect(read.next()).rejects.toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: expect.stringMatching(/"integers" is I32/),
  });
});
