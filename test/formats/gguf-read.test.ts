import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GGML_TYPES, GgufFile, ggmlBytes, metadataCount, metadataText } from '../../src/formats/gguf/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import { entry, ggufBytes, type TensorParts, tensorInfo, text, uint32, uint64, valueTypeId } from './gguf-build.js';

const folder = useTemporaryFolder();
let opened: GgufFile[] = [];

async function openBytes(bytes: Uint8Array): Promise<GgufFile> {
  const path = join(folder(), 'a.gguf');
  await writeFile(path, bytes);
  const file = await GgufFile.open(path);
  opened.push(file);
  return file;
}

afterEach(async () => {
  await Promise.all(opened.map((file) => file.close()));
  opened = [];
});

const a: TensorParts = { name: 'a', shape: [4], type: 'F32', offset: 0 };
const b: TensorParts = { name: 'b', shape: [32, 2], type: 'Q8_0', offset: 32 };
const data = Uint8Array.from({ length: 32 + 68 }, (_, i) => i);
const two = { tensors: [tensorInfo(a), tensorInfo(b)], data };
const one = (change: Partial<TensorParts>) => ({ tensors: [tensorInfo({ ...a, ...change })], data });

test('metadata and tensors are read, whole and in pieces', async () => {
  const file = await openBytes(
    ggufBytes({ ...two, metadata: [entry('general.architecture', 'llama'), entry('n', 7)] }),
  );
  expect(file.version).toBe(3);
  expect(metadataText(file.metadata, 'general.architecture', file.path)).toBe('llama');
  expect(metadataCount(file.metadata, 'n', file.path)).toBe(7);
  expect(metadataText(file.metadata, 'missing', file.path)).toBeUndefined();
  expect([...file.tensors.values()]).toMatchObject([
    { name: 'a', shape: [4], type: 'F32', bytes: 16 },
    { name: 'b', shape: [32, 2], type: 'Q8_0', bytes: 68 },
  ]);
  expect([...(await file.read('a'))]).toEqual([...data.subarray(0, 16)]);
  const pieces = [];
  for await (const piece of file.chunks('b', 34)) pieces.push([...piece]);
  expect(pieces).toEqual([[...data.subarray(32, 66)], [...data.subarray(66, 100)]]);
  await expect(file.read('c')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await file.close();
  await expect(file.read('a')).rejects.toMatchObject({ code: 'DISPOSED' });
});

test('version 2 and other alignments are read; bytes after the last tensor do no harm', async () => {
  const second = tensorInfo({ ...b, offset: 16 });
  const tight = Buffer.concat([data.subarray(0, 16), data.subarray(32), Buffer.alloc(9)]);
  const file = await openBytes(
    ggufBytes({
      version: uint32(2),
      metadata: [entry('general.alignment', 8)],
      alignment: 8,
      tensors: [tensorInfo(a), second],
      data: tight,
    }),
  );
  expect([...(await file.read('b'))]).toEqual([...data.subarray(32)]);
});

test('metadata of another type than expected is an error that names both', async () => {
  const { metadata, path } = await openBytes(ggufBytes({ metadata: [entry('n', 7), entry('t', 'x')] }));
  expect(() => metadataText(metadata, 'n', path)).toThrow(
    /metadata n: has the wrong type; expected string, got uint32/,
  );
  expect(() => metadataCount(metadata, 't', path)).toThrow(/expected an integer, got string/);
});

const arrayOf = (type: number, count: number | bigint, ...rest: Buffer[]) =>
  Buffer.concat([uint32(valueTypeId('array')), uint32(type), uint64(count), ...rest]);

test.each([
  ['another magic number', { magic: 'GGML' }, 'CORRUPT_FILE', /begins with "GGML"/],
  ['version 0', { version: uint32(0) }, 'CORRUPT_FILE', /version 0/],
  ['version 1', { version: uint32(1) }, 'UNSUPPORTED_FORMAT', /version 1/],
  ['version 4', { version: uint32(4) }, 'NEWER_FORMAT', /version 4/],
  ['a big-endian file', { version: uint32(3).reverse() }, 'UNSUPPORTED_FORMAT', /big-endian/],
  ['too many tensors', { ...two, tensorCount: 2 ** 40 }, 'CORRUPT_FILE', /claims 1099511627776 tensors/],
  ['too much metadata', { ...two, metadataCount: 2n ** 63n }, 'CORRUPT_FILE', /claims 9223372036854775808 metadata/],
  ['a key that appears twice', { metadata: [entry('n', 1), entry('n', 1)] }, 'CORRUPT_FILE', /"n" appears twice/],
  [
    'a string that is too long',
    { metadata: [uint64(2 ** 50)], data },
    'CORRUPT_FILE',
    /claims 1125899906842624 bytes of metadata key 0/,
  ],
  ['an unknown value type', { metadata: [entry('n', uint32(13))] }, 'CORRUPT_FILE', /unknown type 13/],
  ['an unknown element type', { metadata: [entry('n', arrayOf(13, 0))] }, 'CORRUPT_FILE', /array of an unknown type/],
  ['arrays of arrays', { metadata: [entry('n', arrayOf(9, 1))] }, 'UNSUPPORTED_FORMAT', /array of arrays/],
  ['a huge array', { metadata: [entry('n', arrayOf(10, 2n ** 61n))] }, 'CORRUPT_FILE', /claims 2305843009213693952/],
  ['a boolean of 2', { metadata: [entry('n', Buffer.from([7, 0, 0, 0, 2]))] }, 'CORRUPT_FILE', /is 2, not a boolean/],
  [
    'text that is not UTF-8',
    { metadata: [entry('n', Buffer.concat([uint32(8), text(Buffer.from([0x61, 0xff]))]))] },
    'CORRUPT_FILE',
    /"n" is not UTF-8/,
  ],
  ['an alignment of 24', { metadata: [entry('general.alignment', 24)] }, 'CORRUPT_FILE', /alignment is 24/],
  ['an alignment of 0', { metadata: [entry('general.alignment', 0)] }, 'CORRUPT_FILE', /alignment is 0/],
  [
    'an alignment of another type',
    { metadata: [entry('general.alignment', Buffer.concat([uint32(10), uint64(32)]))] },
    'CORRUPT_FILE',
    /alignment is 32 \(uint64\)/,
  ],
  [
    'two tensors of one name',
    { tensors: [tensorInfo(a), tensorInfo({ ...b, name: 'a' })], data },
    'CORRUPT_FILE',
    /two/,
  ],
  ['a long name', one({ name: 'n'.repeat(64) }), 'CORRUPT_FILE', /has 64 bytes; at most 63/],
  ['no axes', one({ shape: [] }), 'CORRUPT_FILE', /has 0 axes/],
  ['five axes', one({ shape: [1, 1, 1, 1, 1] }), 'CORRUPT_FILE', /has 5 axes/],
  ['no elements', one({ shape: [4, 0] }), 'CORRUPT_FILE', /has no elements/],
  ['an unknown tensor type', one({ type: 4 }), 'CORRUPT_FILE', /unknown type 4/],
  ['half a block', one({ type: 'Q4_0', shape: [48] }), 'CORRUPT_FILE', /whole blocks/],
  ['a size that overflows', one({ shape: [2n ** 62n, 2n ** 62n] }), 'CORRUPT_FILE', /overflows/],
  ['a shape whose size wraps around', one({ shape: [2n ** 63n, 4] }), 'CORRUPT_FILE', /overflows/],
  ['a hole', { tensors: [tensorInfo(a), tensorInfo({ ...b, offset: 64 })], data }, 'CORRUPT_FILE', /offset 64.* 32/],
  ['an overlap', { tensors: [tensorInfo(a), tensorInfo({ ...b, offset: 0 })], data }, 'CORRUPT_FILE', /offset 0.* 32/],
  ['an offset off the alignment', one({ offset: 4 }), 'CORRUPT_FILE', /offset 4/],
  ['a huge offset', one({ offset: 2n ** 63n }), 'CORRUPT_FILE', /impossible offset/],
  ['missing data', { ...two, data: data.subarray(0, 99) }, 'CORRUPT_FILE', /truncated: tensor "b"/],
] as const)('%s is refused by name', async (_what, parts, code, message) => {
  await expect(openBytes(ggufBytes(parts as never))).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
});

test('what is often found in place of a GGUF file is named', async () => {
  const pointer = Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n');
  await expect(openBytes(pointer)).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining('it is a Git LFS pointer'),
  });
  await expect(openBytes(Buffer.from('<!doctype html><html>'))).rejects.toMatchObject({
    message: expect.stringContaining('an HTML page'),
  });
});

test('an empty file, a folder and a missing file are refused', async () => {
  await expect(openBytes(Buffer.alloc(0))).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
  await expect(GgufFile.open(folder())).rejects.toMatchObject({ code: 'READ_FAILED' });
  await expect(GgufFile.open(join(folder(), 'none.gguf'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('every file cut short is refused, wherever the cut is in its header', async () => {
  const bytes = ggufBytes({
    ...two,
    metadata: [entry('text', 'abc'), entry('n', arrayOf(4, 2, uint32(1), uint32(2)))],
  });
  for (let length = 0; length < bytes.length; length++)
    await expect(openBytes(bytes.subarray(0, length))).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
});

test('a header that would take too much memory is refused before it does', async () => {
  // Five million short strings would take 160 MB; the file has 50 MB.
  const count = 5_000_000;
  const strings = Buffer.alloc(10 * count);
  for (let at = 0; at < strings.length; at += 10) strings[at] = 2;
  const bytes = ggufBytes({ metadata: [entry('tokens', arrayOf(8, count, strings))] });
  await expect(openBytes(bytes)).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringMatching(/more than \d+ bytes of memory/),
  });
});

test('strings across the pieces in which a header is read are whole', async () => {
  const tokens = Array.from({ length: 40_000 }, (_, i) => `${'ü'.repeat(i % 40)}${i}`);
  const bytes = ggufBytes({ metadata: [entry('tokens', arrayOf(8, tokens.length, ...tokens.map(text)))], ...two });
  const file = await openBytes(bytes);
  expect(file.metadata.get('tokens')).toEqual({ type: 'array', value: { of: 'string', values: tokens } });
});

test('every type has its own number and whole blocks', () => {
  const ids = Object.values(GGML_TYPES).map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ggmlBytes('Q4_0', [64, 3])).toBe(2 * 18 * 3);
  expect(ggmlBytes('Q6_K', [128])).toBeUndefined();
  expect(ggmlBytes('BF16', [3, 5])).toBe(30);
});
