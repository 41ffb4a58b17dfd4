import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OpenFile } from '../../src/files/index.js';
import { PytorchArchive } from '../../src/formats/pytorch/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import * as p from './build-pickle.js';
import { archiveBytes, archiveParts, counting, floats } from './build-pytorch.js';
import { directoryEntry, endRecords, type ZipOptions, zipBytes } from './build-zip.js';

const folder = useTemporaryFolder();

async function withArchive<T>(bytes: Uint8Array, use: (archive: PytorchArchive) => Promise<T>): Promise<T> {
  const path = join(folder(), 'a.pth');
  await writeFile(path, bytes);
  const archive = await PytorchArchive.open(path);
  try {
    return await use(archive);
  } finally {
    await archive.close();
  }
}

/** Values of the tensor `t`, read in every way. */
function valuesOf(
  description: Omit<p.TensorDescription, 'key' | 'elements'>,
  data: Buffer,
  options?: ZipOptions,
): Promise<number[]> {
  const elements = data.length / 4;
  const value = p.dict({ t: p.tensor({ key: '0', elements, ...description }) });
  return withArchive(archiveBytes(value, { 0: data }, options), async (archive) => {
    const values = [...(await archive.readFloat32('t'))];
    const bytes = await archive.read('t');
    expect([...new Float32Array(bytes.buffer)]).toEqual(values);
    const chunks: number[] = [];
    for await (const chunk of archive.chunks('t', 9)) {
      expect(chunk.elementOffset).toBe(chunks.length);
      chunks.push(...new Float32Array(chunk.bytes.buffer));
    }
    expect(chunks).toEqual(values);
    expect(archive.tensors.get('t')).toMatchObject({ name: 't', dtype: 'F32', shape: [...description.shape] });
    return values;
  });
}

test('a tensor as it is in its storage', async () => {
  expect(await valuesOf({ shape: [2, 3] }, counting(6))).toEqual([0, 1, 2, 3, 4, 5]);
});

test('views: transposed, every second column, from an offset, reordered, of one element, empty, expanded, overlapping', async () => {
  expect(await valuesOf({ shape: [3, 2], strides: [1, 3] }, counting(6))).toEqual([0, 3, 1, 4, 2, 5]);
  expect(await valuesOf({ shape: [2, 2], strides: [4, 2] }, counting(8))).toEqual([0, 2, 4, 6]);
  expect(await valuesOf({ shape: [2, 2], strides: [3, 1], offset: 1 }, counting(6))).toEqual([1, 2, 4, 5]);
  expect(await valuesOf({ shape: [4], offset: 2 }, counting(8))).toEqual([2, 3, 4, 5]);
  const permuted = await valuesOf({ shape: [2, 2, 3], strides: [1, 6, 2] }, counting(12));
  expect(permuted).toEqual([0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]);
  expect(await valuesOf({ shape: [], offset: 2 }, counting(4))).toEqual([2]);
  expect(await valuesOf({ shape: [1, 1], strides: [99, 7], offset: 3 }, counting(4))).toEqual([3]);
  expect(await valuesOf({ shape: [0, 4] }, Buffer.alloc(0))).toEqual([]);
  expect(await valuesOf({ shape: [2, 3], strides: [1, 0] }, counting(2))).toEqual([0, 0, 0, 1, 1, 1]);
  expect(await valuesOf({ shape: [3, 2], strides: [1, 1] }, counting(4))).toEqual([0, 1, 1, 2, 2, 3]);
});

test('a large transposed matrix, which takes several windows', async () => {
  const [rows, columns] = [1500, 1100];
  const data = Buffer.from(Float32Array.from({ length: rows * columns }, (_, index) => index).buffer);
  const value = p.dict({
    t: p.tensor({ key: '0', elements: rows * columns, shape: [columns, rows], strides: [1, columns] }),
  });
  await withArchive(archiveBytes(value, { 0: data }), async (archive) => {
    const values = await archive.readFloat32('t');
    for (let column = 0; column < columns; column++)
      for (let row = 0; row < rows; row++)
        if (values[column * rows + row] !== row * columns + column) throw new Error(`wrong at ${row}, ${column}`);
  });
});

test('every dtype, transposed or not', async () => {
  const types = {
    Double: 'F64',
    Float: 'F32',
    Half: 'F16',
    BFloat16: 'BF16',
    Long: 'I64',
    Int: 'I32',
    Byte: 'U8',
    Bool: 'BOOL',
  };
  const sizes: Record<string, number> = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, U8: 1, BOOL: 1 };
  const entries: Record<string, p.Piece> = {};
  const storages: Record<string, Buffer> = {};
  for (const [type, dtype] of Object.entries(types)) {
    storages[dtype] = Buffer.from(Array.from({ length: 6 * sizes[dtype]! }, (_, index) => index * 7));
    entries[dtype] = p.tensor({ type, key: dtype, elements: 6, shape: [2, 3] });
    entries[`${dtype}.T`] = p.tensor({ type, key: dtype, elements: 6, shape: [3, 2], strides: [1, 3] });
  }
  await withArchive(archiveBytes(p.dict(entries), storages), async (archive) => {
    for (const [dtype, data] of Object.entries(storages)) {
      expect(archive.tensors.get(dtype)?.dtype).toBe(dtype);
      expect(Buffer.from(await archive.read(dtype))).toEqual(data);
      const size = sizes[dtype]!;
      const transposed = [0, 3, 1, 4, 2, 5].map((index) => data.subarray(index * size, (index + 1) * size));
      expect(Buffer.from(await archive.read(`${dtype}.T`))).toEqual(Buffer.concat(transposed));
    }
    await expect(archive.readFloat32('I64')).rejects.toMatchObject({ code: 'UNSUPPORTED_FORMAT' });
  });
});

test('names are the keys that lead to a tensor; other values are left out; a storage may be shared', async () => {
  const t = p.tensor({ key: '0', elements: 2, shape: [2] });
  const value = p.dict({
    model: p.build(
      p.join(p.orderedDict, Buffer.from('('), p.text('a.weight'), p.parameter(t), Buffer.from('u')),
      p.dict({ _metadata: p.none }),
    ),
    list: p.list(p.tensor({ key: '0', elements: 2, shape: [], offset: 1 }), p.none, p.tuple(t)),
    epoch: p.integer(300),
    big: p.integer(-(2 ** 40)),
    device: p.reduce(p.global('torch', 'device'), p.text('cpu')),
    dtype: p.global('torch', 'float32'),
    size: p.reduce(p.global('torch', 'Size'), p.tuple(p.integer(2))),
  });
  await withArchive(archiveBytes(value, { 0: floats(4, 5) }), async (archive) => {
    expect([...archive.tensors.keys()].sort()).toEqual(['list.0', 'list.2.0', 'model.a.weight']);
    expect([...(await archive.readFloat32('list.0'))]).toEqual([5]);
    expect([...(await archive.readFloat32('model.a.weight'))]).toEqual([4, 5]);
    await expect(archive.read('epoch')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

test('a tensor that was saved alone is called tensor', async () => {
  const value = p.tensor({ key: '0', elements: 3, shape: [3] });
  await withArchive(archiveBytes(value, { 0: counting(3) }), async (archive) => {
    expect([...archive.tensors.keys()]).toEqual(['tensor']);
    expect([...(await archive.readFloat32('tensor'))]).toEqual([0, 1, 2]);
  });
});

test('local headers that are near each other are read at once', async () => {
  // The large one is farther than a read from those behind it.
  const storages = Object.fromEntries(
    Array.from({ length: 2000 }, (_, i) => [String(i), floats(...Array(i === 700 ? 100_000 : 1).fill(i))]),
  );
  const tensors = Object.entries(storages).map(([key, data]): [string, p.Piece] => [
    `t${key}`,
    p.tensor({ key, elements: data.length / 4, shape: [data.length / 4] }),
  ]);
  const path = join(folder(), 'many.pth');
  await writeFile(path, archiveBytes(p.dict(Object.fromEntries(tensors)), storages));
  const read = jest.spyOn(OpenFile.prototype, 'read');
  try {
    await using archive = await PytorchArchive.open(path);
    expect(read.mock.calls.length).toBeLessThan(12);
    expect(archive.tensors.size).toBe(2000);
    for (const i of [0, 699, 700, 701, 1999])
      expect((await archive.readFloat32(`t${i}`)).every((value) => value === i)).toBe(true);
  } finally {
    read.mockRestore();
  }
});

test('an archive whose sizes are all zip64 records, and one with a comment', async () => {
  expect(await valuesOf({ shape: [2] }, counting(2), { zip64: true })).toEqual([0, 1]);
  expect(await valuesOf({ shape: [2] }, counting(2), { comment: 'PK\x05\x06 is not the end' })).toEqual([0, 1]);
});

test('an archive without checksums, as PyTorch writes it on request', async () => {
  const value = p.dict({ t: p.tensor({ key: '0', elements: 2, shape: [2] }) });
  const parts = archiveParts(value, { 0: counting(2) }).map((part) => ({ ...part, crc: 0 }));
  await withArchive(zipBytes(parts), async (archive) => {
    expect([...(await archive.readFloat32('t'))]).toEqual([0, 1]);
  });
});

test('a storage of more than 4 GB, and what follows it', async () => {
  const elements = 2 ** 30 + 1000;
  const bytes = 4 * elements;
  const value = p.dict({
    end: p.tensor({ key: '0', elements, shape: [2], offset: elements - 2 }),
    after: p.tensor({ key: '1', elements: 2, shape: [2] }),
  });
  const [pickle, order, big, small] = archiveParts(value, { 0: new Uint8Array(), 1: floats(7, 8) }).map((part) => ({
    ...part,
    crc: 0,
  }));
  const path = join(folder(), 'sparse.pth');
  const file = await open(path, 'w');
  // A sparse file: only its headers and its ends take space.
  const directory: Buffer[] = [];
  let position = 0;
  for (const part of [pickle!, order!, big!, small!]) {
    const size = part === big ? bytes : part.data.length;
    directory.push(directoryEntry(part, position, true, size));
    const local = zipBytes([{ ...part, data: new Uint8Array() }]).subarray(0, 30 + part.name.length);
    await file.write(local, 0, local.length, position);
    position += local.length;
    if (part === big) await file.write(floats(5, 6), 0, 8, position + bytes - 8);
    else await file.write(part.data, 0, part.data.length, position);
    position += size;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.concat([entries, endRecords(4, entries.length, position, { zip64: true })]);
  await file.write(end, 0, end.length, position);
  await file.close();
  const archive = await PytorchArchive.open(path);
  try {
    expect(archive.tensors.get('after')!.byteOffset).toBeGreaterThan(2 ** 32);
    expect([...(await archive.readFloat32('end'))]).toEqual([5, 6]);
    expect([...(await archive.readFloat32('after'))]).toEqual([7, 8]);
  } finally {
    await archive.close();
  }
});

test('chunks whose memory is recycled keep their values until the second one after them', async () => {
  const value = p.dict({ t: p.tensor({ key: '0', elements: 50, shape: [50] }) });
  await withArchive(archiveBytes(value, { 0: counting(50) }), async (archive) => {
    let before: Uint8Array[] = [];
    let done = 0;
    for await (const { bytes } of archive.chunks('t', 12, { recycled: true })) {
      before = [...before.slice(-1), bytes];
      done += bytes.length / 4;
      const held = Buffer.concat(before);
      const last = Array.from({ length: held.length / 4 }, (_, index) => held.readFloatLE(4 * index));
      expect(last).toEqual(Array.from(last, (_, index) => done - last.length + index));
    }
    expect(done).toBe(50);
  });
});

test('a closed archive', async () => {
  const value = p.dict({ t: p.tensor({ key: '0', elements: 2, shape: [2] }) });
  const archive = await withArchive(archiveBytes(value, { 0: counting(2) }), async (open) => open);
  await archive.close();
  await expect(archive.read('t')).rejects.toMatchObject({ code: 'DISPOSED' });
});
