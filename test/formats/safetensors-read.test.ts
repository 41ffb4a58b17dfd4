import { constants } from 'node:buffer';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { DTYPES } from '../../src/formats/dtypes.js';
import { SafetensorsFile } from '../../src/formats/safetensors/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { fileBytes, rawFileBytes } from './build-file.js';

const folder = useTemporaryFolder();
let opened: SafetensorsFile[] = [];

async function openBytes(bytes: Uint8Array): Promise<SafetensorsFile> {
  const path = join(folder(), 'a.safetensors');
  await writeFile(path, bytes);
  const file = await SafetensorsFile.open(path);
  opened.push(file);
  return file;
}

afterEach(async () => {
  await Promise.all(opened.map((file) => file.close()));
  opened = [];
});

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const two = { dtype: 'F32', shape: [2], data_offsets: [0, 8] };

test('tensors are read by name: whole, as float32, and in pieces', async () => {
  const file = await openBytes(
    fileBytes(
      {
        b: { dtype: 'F32', shape: [2, 2], data_offsets: [6, 22] },
        a: { dtype: 'BF16', shape: [3], data_offsets: [0, 6] },
        __metadata__: { format: 'pt' },
      },
      Buffer.concat([new Uint8Array(Uint16Array.of(0x3f80, 0xc000, 0x0001).buffer), floats(1, 2, 3, 4)]),
    ),
  );
  expect({ ...file.metadata }).toEqual({ format: 'pt' });
  expect([...file.tensors.keys()]).toEqual(['a', 'b']);
  expect(file.tensors.get('b')).toMatchObject({ name: 'b', dtype: 'F32', shape: [2, 2], byteLength: 16 });
  expect([...(await file.readFloat32('a'))]).toEqual([1, -2, Math.fround(2 ** -133)]);
  const whole = await file.read('b');
  expect([...new Float32Array(whole.buffer)]).toEqual([1, 2, 3, 4]);
  const pieces = [];
  for await (const { elementOffset, bytes } of file.chunks('b', 13)) {
    pieces.push([elementOffset, ...new Float32Array(bytes.buffer)]);
  }
  expect(pieces).toEqual([
    [0, 1, 2, 3],
    [3, 4],
  ]);
});

test('neighbours are read together: every element once, in the order of the file, for any selection', async () => {
  const names = ['a', 'b', 'c', 'd'] as const;
  const tensor = fc.record({
    dtype: fc.constantFrom('F32' as const, 'F16' as const, 'I64' as const, 'U8' as const),
    elements: fc.nat({ max: 9 }),
    wanted: fc.boolean(),
  });
  const tensors = fc.tuple(tensor, tensor, tensor, tensor);
  await fc.assert(
    fc.asyncProperty(tensors, fc.integer({ min: 1, max: 60 }), async (described, maxBytes) => {
      let end = 0;
      const entries = described.map(({ dtype, elements }, i) => {
        const begin = end;
        end += elements * DTYPES[dtype].bytes;
        return [names[i]!, { dtype, shape: [elements], data_offsets: [begin, end] }] as const;
      });
      const data = Uint8Array.from({ length: end }, (_, i) => i);
      const file = await openBytes(fileBytes(Object.fromEntries(entries), data));
      const found = new Map<string, number[]>();
      for await (const pieces of file.pieces(maxBytes, ({ name }) => described[names.indexOf(name as 'a')]!.wanted)) {
        const bytes = pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
        expect(bytes).toBeLessThanOrEqual(Math.max(maxBytes, 8));
        for (const { info, elementOffset, bytes: own } of pieces) {
          const before = found.get(info.name) ?? [];
          expect(before).toHaveLength(elementOffset * DTYPES[info.dtype].bytes);
          found.set(info.name, [...before, ...own]);
        }
      }
      const wanted = entries.filter((_, i) => described[i]!.wanted && described[i]!.elements > 0);
      expect([...found]).toEqual(
        wanted.map(([name, { data_offsets: offsets }]) => [name, [...data.subarray(offsets[0], offsets[1])]]),
      );
    }),
  );
});

test('scalars, tensors without elements, and a file without tensors are sound', async () => {
  const file = await openBytes(
    fileBytes(
      {
        none: { dtype: 'F32', shape: [0, 2 ** 52, 2 ** 52], data_offsets: [4, 4] },
        scalar: { dtype: 'F32', shape: [], data_offsets: [0, 4] },
        nothing: { dtype: 'I64', shape: [0], data_offsets: [0, 0] },
      },
      floats(7),
    ),
  );
  expect([...(await file.readFloat32('scalar'))]).toEqual([7]);
  expect(await file.read('none')).toHaveLength(0);
  expect(await file.chunks('nothing').next()).toMatchObject({ done: true });
  expect((await openBytes(fileBytes({}))).tensors.size).toBe(0);
});

test('names that mean something to JavaScript are only names', async () => {
  const header = `{"__metadata__":{"__proto__":"a","constructor":"b"},"__proto__":${JSON.stringify(two)},"toString":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}}`;
  const file = await openBytes(fileBytes(header, Buffer.concat([floats(1, 2), Buffer.from([9])])));
  expect([...file.tensors.keys()]).toEqual(['__proto__', 'toString']);
  expect([...(await file.readFloat32('__proto__'))]).toEqual([1, 2]);
  expect(Object.entries(file.metadata)).toEqual([
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ]);
  expect(file.metadata.toString).toBeUndefined();
  expect(({} as Record<string, unknown>).dtype).toBeUndefined();
});

const CORRUPT: [what: string, bytes: Uint8Array, message: string][] = [
  ['an empty file', Buffer.alloc(0), 'it has 0 bytes, fewer than the 8'],
  ['seven bytes', Buffer.alloc(7), 'it has 7 bytes'],
  ['an empty header', rawFileBytes(Buffer.alloc(0)), 'does not begin with {'],
  ['a header of 2⁶⁴ − 1 bytes', Buffer.alloc(100, 0xff), 'at most 100000000 are allowed'],
  ['a header cut off', fileBytes({ a: two }).subarray(0, 20), 'it is truncated'],
  ['a letter before the header', fileBytes(`x${JSON.stringify({ a: two })}`, floats(1, 2)), 'does not begin with {'],
  ['only spaces for a header', fileBytes('   '), 'does not begin with {'],
  ['a list for a header', fileBytes([]), 'does not begin with {'],
  ['no JSON', fileBytes('{"a":}'), 'its header is not JSON'],
  ['bytes that are not UTF-8', rawFileBytes(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), 'its header is not UTF-8'],
  [
    'a tensor described twice, as two different things',
    fileBytes(`{"a":${JSON.stringify(two)},"a":${JSON.stringify({ ...two, dtype: 'I32' })}}`, floats(1, 2)),
    'the key "a" appears twice',
  ],
  [
    'a tensor described three times, of which two agree',
    fileBytes(
      `{"a":${JSON.stringify(two)},"a":${JSON.stringify({ ...two, shape: [1, 2] })},"a":${JSON.stringify(two)}}`,
      floats(1, 2),
    ),
    'the key "a" appears twice',
  ],
  ['a metadata key twice', fileBytes('{"__metadata__":{"a":"1","a":"1"}}'), 'the key "a" appears twice'],
  [
    'packed elements that end within a byte',
    fileBytes({ a: { dtype: 'F4', shape: [3], data_offsets: [0, 2] } }, floats(1).subarray(2)),
    'takes 1.5 bytes',
  ],
  [
    'a name twice in two spellings',
    fileBytes(`{"a":${JSON.stringify(two)},"\\u0061":{}}`, floats(1, 2)),
    'the key "a" appears twice',
  ],
  [
    'a dtype twice',
    fileBytes('{"a":{"dtype":"U8","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', floats(1, 2)),
    'the key "dtype" appears twice',
  ],
  ['metadata twice', fileBytes('{"__metadata__":{},"__metadata__":{}}'), 'the key "__metadata__" appears twice'],
  ['a metadata number', fileBytes({ __metadata__: { a: 1 } }), 'metadata value "a" is not text'],
  ['a metadata list', fileBytes({ __metadata__: ['a'] }), '__metadata__ is not an object'],
  ['a tensor that is a number', fileBytes({ a: 1 }), 'tensor "a" is not described by an object'],
  ['no dtype', fileBytes({ a: { shape: [], data_offsets: [0, 0] } }), 'tensor "a" has no dtype'],
  ['a dtype nobody knows', fileBytes({ a: { ...two, dtype: 'F33' } }, floats(1, 2)), 'unknown dtype "F33"'],
  [
    'a dtype of JavaScript',
    fileBytes({ a: { ...two, dtype: 'constructor' } }, floats(1, 2)),
    'unknown dtype "constructor"',
  ],
  ['a negative size', fileBytes({ a: { ...two, shape: [-2] } }, floats(1, 2)), 'the number -2'],
  [
    'a fraction of a size',
    fileBytes('{"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}}', floats(1, 2)),
    'the number 2.5',
  ],
  [
    'a size with an exponent',
    fileBytes('{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}', floats(1, 2)),
    'the number 2e0',
  ],
  [
    'a size that is text',
    fileBytes({ a: { ...two, shape: ['2'] } }, floats(1, 2)),
    'a shape that is not a list of non-negative integers',
  ],
  [
    'a size beyond counting',
    fileBytes('{"a":{"dtype":"F32","shape":[18446744073709551618],"data_offsets":[0,8]}}', floats(1, 2)),
    'a shape that is not a list',
  ],
  [
    'sizes whose product overflows to the right length',
    fileBytes({ a: { ...two, shape: [2 ** 33, 2 ** 33] } }, floats(1, 2)),
    'whose size overflows',
  ],
  ['no shape', fileBytes({ a: { dtype: 'F32', data_offsets: [0, 8] } }, floats(1, 2)), 'tensor "a" has a shape'],
  [
    'three offsets',
    fileBytes({ a: { ...two, data_offsets: [0, 8, 8] } }, floats(1, 2)),
    'data_offsets that are not two',
  ],
  [
    'offsets backwards',
    fileBytes({ a: { ...two, data_offsets: [8, 0] } }, floats(1, 2)),
    'data_offsets [8, 0], outside',
  ],
  [
    'offsets outside',
    fileBytes({ a: two }, floats(1)),
    'data_offsets [0, 8], outside the 4 bytes of data that the file holds (it may be truncated)',
  ],
  [
    'a length that the shape does not take',
    fileBytes({ a: { ...two, shape: [1] } }, floats(1, 2)),
    'tensor "a" is F32 [1], which takes 4 bytes, but has 8',
  ],
  [
    'overlapping tensors',
    fileBytes({ a: two, b: { ...two, data_offsets: [4, 12] } }, floats(1, 2, 3)),
    'tensor "b" overlaps tensor "a"',
  ],
  [
    'an empty tensor inside another',
    fileBytes({ a: two, b: { dtype: 'F32', shape: [0], data_offsets: [4, 4] } }, floats(1, 2)),
    'tensor "b" overlaps tensor "a"',
  ],
  ['two tensors in one place', fileBytes({ a: two, b: two }, floats(1, 2)), 'overlaps'],
  [
    'a hole before the first tensor',
    fileBytes({ a: { ...two, data_offsets: [4, 12] } }, floats(1, 2, 3)),
    '4 bytes between the header and tensor "a" belong to none',
  ],
  [
    'a hole between tensors',
    fileBytes({ a: two, b: { ...two, data_offsets: [12, 20] } }, floats(1, 2, 3, 4, 5)),
    '4 bytes between tensor "a" and tensor "b"',
  ],
  ['bytes behind the last tensor', fileBytes({ a: two }, floats(1, 2, 3)), 'it is oversized: 4 bytes after tensor "a"'],
  ['bytes and no tensor', fileBytes({}, floats(1)), 'it is oversized: 4 bytes after the header'],
  [
    'half a character as a name',
    fileBytes('{"\\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', floats(1, 2)),
    'is not valid Unicode',
  ],
  ['a name without end', fileBytes({ ['x'.repeat(2000)]: { ...two } }, floats(1, 2)), 'has 2000 characters'],
  ['axes without end', fileBytes({ a: { ...two, shape: [...Array(100).fill(1), 2] } }, floats(1, 2)), '101 axes'],
];

test.each(CORRUPT)('%s is a corrupt file', async (_, bytes, message) => {
  await expect(openBytes(bytes)).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining(message),
  });
  await expect(openBytes(bytes)).rejects.toMatchObject({
    message: expect.stringContaining('a.safetensors is not a valid'),
  });
});

test.each([
  ['C64', 16],
  ['U64', 16],
  ['I16', 4],
  ['F8_E4M3', 2],
  ['F8_E5M2FNUZ', 2],
  ['BOOL', 2],
])('a tensor of %s is listed and its bytes are read, but its values are not', async (dtype, bytes) => {
  const data = Uint8Array.from({ length: bytes }, (_, i) => i + 1);
  const file = await openBytes(fileBytes({ a: { dtype, shape: [2], data_offsets: [0, bytes] } }, data));
  expect(file.tensors.get('a')).toMatchObject({ dtype, shape: [2], byteLength: bytes });
  expect([...(await file.read('a'))]).toEqual([...data]);
  await expect(file.readFloat32('a')).rejects.toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: expect.stringContaining(`tensor "a" is ${dtype}; expected F64, F32, BF16, F16. Convert it first`),
  });
});

test.each([
  ['F4', 8, 4],
  ['F6_E2M3', 8, 6],
  ['F6_E3M2', 12, 9],
])('packed elements of %s come in pieces that end on whole bytes', async (dtype, elements, bytes) => {
  const data = Uint8Array.from({ length: bytes }, (_, i) => i + 1);
  const file = await openBytes(fileBytes({ a: { dtype, shape: [elements], data_offsets: [0, bytes] } }, data));
  const pieces: number[] = [];
  for await (const { elementOffset, bytes: own } of file.chunks('a', 4)) {
    expect(elementOffset * (bytes / elements)).toBe(pieces.length);
    pieces.push(...own);
  }
  expect(pieces).toEqual([...data]);
  const together: number[] = [];
  for await (const parts of file.pieces(4)) for (const part of parts) together.push(...part.bytes);
  expect(together).toEqual([...data]);
});

test('what the reference library reads is read: white space first, a tensor described twice alike, a header of 30 MB', async () => {
  const spaced = await openBytes(fileBytes(` \n\t\r${JSON.stringify({ a: two })}`, floats(1, 2)));
  expect([...(await spaced.readFloat32('a'))]).toEqual([1, 2]);
  const alike = `{"a":${JSON.stringify(two)}, "a" : ${JSON.stringify(two, null, 1)} }`;
  expect([...(await openBytes(fileBytes(alike, floats(1, 2)))).tensors.keys()]).toEqual(['a']);
  const long = await openBytes(fileBytes({ __metadata__: { note: 'x'.repeat(30e6) }, a: two }, floats(1, 2)));
  expect([...(await long.readFloat32('a'))]).toEqual([1, 2]);
});

test('a header of more values than any model has is refused before it is parsed', async () => {
  await expect(openBytes(fileBytes(`{"a":[${'{},'.repeat(2 ** 23)}{}]}`))).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining('values; at most 16777216 are allowed'),
  });
});

test.each([
  ['version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 5\n', 'a Git LFS pointer'],
  ['<!doctype html><html></html>', 'an HTML page'],
  ['PK\x03\x04 and more than eight bytes', 'a zip archive'],
  ['GGUF\x03\0\0\0\0\0\0\0', 'a GGUF file'],
  ['\0'.repeat(100), 'nothing but zeros'],
])('what is in place of a file is named: %j', async (content, what) => {
  await expect(openBytes(Buffer.from(content, 'latin1'))).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining(`a.safetensors is not a valid safetensors file: it is ${what}`),
  });
});

test('a long header with long strings and deep nesting is read or refused, not fatal', async () => {
  const text = '\\"é'.repeat(2_000_000);
  const file = await openBytes(fileBytes(`{"__metadata__":{"long":"${text}"}}`));
  expect(file.metadata.long).toHaveLength(4_000_000);
  await expect(openBytes(fileBytes(`{"a":${'['.repeat(5e6)}`))).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
  const deep = `{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`;
  await expect(openBytes(fileBytes(deep))).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
  const digits = `{"a":{"dtype":"F32","shape":[${'1'.repeat(5e6)}],"data_offsets":[0,0]}}`;
  await expect(openBytes(fileBytes(digits))).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
});

test('a file that cannot be read is not a corrupt file', async () => {
  const missing = SafetensorsFile.open(join(folder(), 'none.safetensors'));
  await expect(missing).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  await expect(SafetensorsFile.open(folder())).rejects.toMatchObject({ code: 'READ_FAILED' });
  await expect(SafetensorsFile.open('/dev/zero')).rejects.toMatchObject({ code: 'READ_FAILED' });
});

test('a file that shrinks while it is being read is corrupt', async () => {
  const file = await openBytes(fileBytes({ a: two }, floats(1, 2)));
  await truncate(file.path, file.tensors.get('a')!.byteOffset + 5);
  const what = { code: 'CORRUPT_FILE', message: expect.stringContaining('became shorter while tensor "a"') };
  await expect(file.read('a')).rejects.toMatchObject(what);
  await expect(file.readFloat32('a')).rejects.toMatchObject(what);
  await expect(file.chunks('a', 4).next()).resolves.toMatchObject({ value: { elementOffset: 0 } });
});

test('a name that the file does not hold, a dtype that is no float, and a closed file have errors of their own', async () => {
  const file = await openBytes(fileBytes({ a: { dtype: 'I32', shape: [2], data_offsets: [0, 8] } }, floats(1, 2)));
  await expect(file.read('b')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await expect(file.readFloat32('a')).rejects.toMatchObject({
    code: 'UNSUPPORTED_FORMAT',
    message: expect.stringContaining('tensor "a" is I32; expected F64, F32, BF16, F16'),
  });
  const chunks = file.chunks('a', 4);
  await chunks.next();
  await file.close();
  await file.close();
  await expect(file.read('a')).rejects.toMatchObject({ code: 'DISPOSED' });
  await expect(chunks.next()).rejects.toMatchObject({ code: 'DISPOSED' });
});

test('a tensor beyond 4 GiB is read in pieces', async () => {
  const bytes = 5 * 2 ** 30;
  const header = fileBytes({ a: { dtype: 'F32', shape: [bytes / 4], data_offsets: [0, bytes] } });
  const path = join(folder(), 'sparse.safetensors');
  await writeFile(path, header);
  await truncate(path, header.length + bytes);
  const file = await SafetensorsFile.open(path);
  opened.push(file);
  // Where Node's arrays may be larger, as from 22 on, it would be read, given the memory.
  if (constants.MAX_LENGTH < bytes)
    await expect(file.read('a')).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      message: expect.stringContaining('read it in pieces, with chunks()'),
    });
  const first = await file.chunks('a').next();
  expect(first.value).toMatchObject({ elementOffset: 0 });
  expect(first.value!.bytes).toHaveLength(4 * 2 ** 20);
});

test('reading a large tensor as float32 does not block the event loop', async () => {
  const count = 4e6;
  const file = await openBytes(
    fileBytes(
      { a: { dtype: 'BF16', shape: [count], data_offsets: [0, 2 * count] } },
      new Uint8Array(2 * count).fill(0x3f),
    ),
  );
  let longest = 0;
  let last = performance.now();
  let handle = setImmediate(function turn() {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
    handle = setImmediate(turn);
  });
  const values = await file.readFloat32('a');
  clearImmediate(handle);
  expect(values[count - 1]).toBeCloseTo(0.7461, 4);
  expect(longest).toBeGreaterThan(0);
  expect(longest).toBeLessThan(200);
});
