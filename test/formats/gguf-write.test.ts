import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import {
  GGML_TYPES,
  type GgmlType,
  GgufFile,
  type GgufTensorSource,
  type GgufValue,
  ggmlBytes,
  writeGguf,
} from '../../src/formats/gguf/index.js';
import { mountSmallDisk } from '../small-disk.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { everyValue } from './gguf-build.js';

const folder = useTemporaryFolder();
const small = mountSmallDisk('size=64k');
afterAll(() => small.unmount());

function source(name: string, type: GgmlType, shape: number[], pieces = 1): GgufTensorSource & { data: Uint8Array } {
  const data = Uint8Array.from({ length: ggmlBytes(type, shape)! }, (_, i) => i * 31 + name.length);
  const step = Math.max(1, Math.ceil(data.length / pieces));
  const cuts = Array.from({ length: Math.ceil(data.length / step) }, (_, i) => data.subarray(i * step, (i + 1) * step));
  return { name, type, shape, data, bytes: () => cuts };
}

test('every kind of value, and tensors of every type, come back as they were written', async () => {
  const path = join(folder(), 'a.gguf');
  const tensors = (Object.keys(GGML_TYPES) as GgmlType[]).map((type) => source(type, type, [256, 3]));
  await writeGguf(path, everyValue(), tensors);
  const file = await GgufFile.open(path);
  expect(new Map(file.metadata)).toEqual(everyValue());
  expect([...file.tensors.keys()]).toEqual(tensors.map(({ name }) => name));
  for (const { name, data, shape } of tensors) {
    expect(file.tensors.get(name)!.shape).toEqual(shape);
    expect([...(await file.read(name))]).toEqual([...data]);
  }
  await file.close();
});

test('any names, shapes, order and pieces: what is read is what was written', async () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 9 }).filter((text) => Buffer.byteLength(text) < 64);
  const tensor = fc.record({
    name,
    type: fc.constantFrom<GgmlType>('F32', 'F16', 'Q8_0', 'I8'),
    shape: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
    pieces: fc.integer({ min: 1, max: 4 }),
  });
  const unique = fc.uniqueArray(tensor, { selector: (one) => one.name, maxLength: 6 });
  const path = join(folder(), 'any.gguf');
  await fc.assert(
    fc.asyncProperty(unique, fc.constantFrom(1, 8, 32, 64), async (described, alignment) => {
      const tensors = described.map(({ name: own, type, shape, pieces }) =>
        source(own, type, [shape[0]! * GGML_TYPES[type].blockElements, ...shape.slice(1)], pieces),
      );
      const metadata = new Map<string, GgufValue>([['general.alignment', { type: 'uint32', value: alignment }]]);
      await writeGguf(path, metadata, tensors);
      const file = await GgufFile.open(path);
      expect([...file.tensors.keys()]).toEqual(tensors.map((one) => one.name));
      for (const one of tensors) {
        expect(Buffer.compare(await file.read(one.name), one.data)).toBe(0);
        expect(file.tensors.get(one.name)!.offset % alignment).toBe(0);
      }
      await file.close();
    }),
    { numRuns: 60 },
  );
});

test('large and small pieces are written in their order', async () => {
  const path = join(folder(), 'large.gguf');
  const tensors = [source('s', 'I8', [5]), source('l', 'I8', [5_000_000], 2), source('m', 'I8', [900_000], 3)];
  await writeGguf(path, new Map(), tensors);
  const file = await GgufFile.open(path);
  for (const { name, data } of tensors) expect(Buffer.compare(await file.read(name), data)).toBe(0);
  await file.close();
  // Header, and three tensors padded to 32 bytes each.
  expect((await stat(path)).size % 32).toBe(0);
});

const one = source('a', 'F32', [4]);

test.each([
  ['a name that is too long', [{ ...one, name: 'n'.repeat(64) }], /at most 63 bytes/],
  ['a name of half a character', [{ ...one, name: '\ud800' }], /cannot be the name/],
  ['two tensors of one name', [one, one], /two tensors are named "a"/],
  ['no elements', [{ ...one, shape: [4, 0] }], /cannot be F32 of shape \[4, 0\]/],
  ['five axes', [{ ...one, shape: [1, 1, 1, 1, 4] }], /1 to 4 axes/],
  ['half a block', [{ ...one, type: 'Q8_0' as const, shape: [48] }], /a multiple of 32/],
] as const)('%s is refused before anything is written', async (_what, tensors, message) => {
  const path = join(folder(), 'a.gguf');
  await expect(writeGguf(path, new Map(), tensors)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(message),
  });
  expect(await readdir(folder())).toEqual([]);
});

test('an alignment that readers refuse is refused', async () => {
  for (const value of [24, 0]) {
    const metadata = new Map<string, GgufValue>([['general.alignment', { type: 'uint32', value }]]);
    await expect(writeGguf(join(folder(), 'a.gguf'), metadata, [one])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  }
});

test.each([
  ['too few', new Uint8Array(15)],
  ['too many', new Uint8Array(17)],
])('%s bytes of a tensor are an error that leaves the old file in place', async (_what, bytes) => {
  const path = join(folder(), 'a.gguf');
  await writeFile(path, 'old');
  await expect(writeGguf(path, new Map(), [{ ...one, bytes: () => [bytes] }])).rejects.toMatchObject({
    code: 'SHAPE_MISMATCH',
    message: expect.stringContaining('takes 16 bytes, not '),
  });
  expect(await readFile(path, 'utf8')).toBe('old');
  expect(await readdir(folder())).toEqual(['a.gguf']);
});

test('an abort and a full disk leave nothing behind', async () => {
  const controller = new AbortController();
  const aborting = {
    ...one,
    *bytes() {
      controller.abort(new Error('enough'));
      yield new Uint8Array(16);
    },
  };
  const path = join(folder(), 'a.gguf');
  await expect(writeGguf(path, new Map(), [aborting], { signal: controller.signal })).rejects.toThrow('enough');
  expect(await readdir(folder())).toEqual([]);
  const large = source('l', 'I8', [100_000]);
  await expect(writeGguf(join(small.folder, 'a.gguf'), new Map(), [large])).rejects.toMatchObject({
    code: 'DISK_FULL',
  });
  expect(await readdir(small.folder)).toEqual([]);
});
