import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SafetensorsSet, type TensorSource, writeSafetensorsSharded } from '../../src/formats/safetensors/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();

const tensors: TensorSource[] = ['z', 'm', 'big', 'a', '__proto__'].map((name, index) => ({
  name,
  dtype: 'F32',
  shape: name === 'big' ? [100] : [4],
  bytes: () => [new Uint8Array(new Float32Array(name === 'big' ? 100 : 4).fill(index).buffer)],
}));

async function contents(path: string): Promise<Record<string, number[]>> {
  const set = await SafetensorsSet.open(path);
  const all: [string, number[]][] = [];
  for (const name of set.tensors.keys()) {
    const values = await set.readFloat32(name);
    expect(new Float32Array((await set.read(name)).buffer)).toEqual(values);
    let streamed = 0;
    for await (const { bytes } of set.chunks(name, 16)) streamed += bytes.length;
    expect(streamed).toBe(values.byteLength);
    all.push([name, [values.length, values[0]!]]);
  }
  await set.close();
  return Object.fromEntries(all.sort());
}

const expected = Object.fromEntries(tensors.map(({ name }, i) => [name, [name === 'big' ? 100 : 4, i]]));

test('a small set is one file', async () => {
  await writeSafetensorsSharded(folder(), 'model', tensors);
  expect(await readdir(folder())).toEqual(['model.safetensors']);
  for (const path of ['', 'model', 'model.safetensors']) {
    expect(await contents(join(folder(), path))).toEqual(expected);
  }
});

test('a large set is cut into files with an index, and read as one', async () => {
  const seen: number[] = [];
  await writeSafetensorsSharded(folder(), 'decoder', tensors, {
    maxShardBytes: 40,
    metadata: { format: 'pt' },
    onProgress: (fraction) => seen.push(fraction),
  });
  const names = [1, 2, 3].map((n) => `decoder-0000${n}-of-00003.safetensors`);
  expect((await readdir(folder())).sort()).toEqual([...names, 'decoder.safetensors.index.json']);
  const index = JSON.parse(await readFile(join(folder(), 'decoder.safetensors.index.json'), 'utf8'));
  expect(index.metadata).toEqual({ total_size: 464 });
  expect(Object.entries(index.weight_map)).toEqual([
    ['z', names[0]],
    ['m', names[0]],
    ['big', names[1]],
    ['a', names[2]],
    ['__proto__', names[2]],
  ]);
  for (const path of ['', 'decoder', 'decoder.safetensors.index.json']) {
    expect(await contents(join(folder(), path))).toEqual(expected);
  }
  const set = await SafetensorsSet.open(folder());
  expect({ ...set.metadata }).toEqual({ format: 'pt' });
  await expect(set.read('none')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await set.close();
  expect(seen.at(-1)).toBe(1);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
});

test('when one file of a set cannot be written, none is left', async () => {
  const broken = { ...tensors[3]!, bytes: () => [new Uint8Array(3)] };
  const writing = writeSafetensorsSharded(folder(), 'x', [...tensors.slice(0, 3), broken], { maxShardBytes: 40 });
  await expect(writing).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
  expect(await readdir(folder())).toEqual([]);
});

async function withIndex(weightMap: unknown): Promise<Promise<SafetensorsSet>> {
  const path = join(folder(), 'decoder.safetensors.index.json');
  await writeFile(path, JSON.stringify({ weight_map: weightMap }));
  return SafetensorsSet.open(path);
}

test('an index that does not fit its files is corrupt, one that leads elsewhere is, too', async () => {
  await writeSafetensorsSharded(folder(), 'decoder', tensors, { maxShardBytes: 40 });
  const [first, second, third] = [1, 2, 3].map((n) => `decoder-0000${n}-of-00003.safetensors`);
  const right = { z: first, m: first, big: second, a: third };
  const attempts: [unknown, string][] = [
    [undefined, 'it has no weight_map'],
    [['a'], 'it has no weight_map'],
    [{ a: 1 }, 'tensor "a" is not in a .safetensors file beside it'],
    [{ a: '../secret.safetensors' }, 'is not in a .safetensors file beside it'],
    [{ a: '/etc/passwd' }, 'is not in a .safetensors file beside it'],
    [{ a: '..\\secret.safetensors' }, 'is not in a .safetensors file beside it'],
    [{ ...right, more: first }, `${first} has no tensor "more", which `],
    [{ ...right, a: second }, `${second} has no tensor "a", which `],
    [right, 'contains tensor "__proto__", which'],
  ];
  for (const [map, message] of attempts) {
    await expect(withIndex(map)).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringContaining(message),
    });
  }
  await expect(withIndex({ a: 'gone.safetensors' })).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('a folder without, or with several, safetensors files says so', async () => {
  await expect(SafetensorsSet.open(folder())).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  await expect(SafetensorsSet.open(join(folder(), 'none'))).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    message: expect.stringContaining('no safetensors file found; tried '),
  });
  for (const base of ['a', 'b']) await writeSafetensorsSharded(folder(), base, tensors);
  await expect(SafetensorsSet.open(folder())).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('Name one of them: a.safetensors, b.safetensors'),
  });
  expect(await contents(join(folder(), 'b'))).toEqual(expected);
});
