import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { PytorchArchive } from '../../src/formats/pytorch/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';
import * as p from './build-pickle.js';
import { archiveBytes, archiveParts, counting } from './build-pytorch.js';
import { endRecords, type ZipPart, zipBytes } from './build-zip.js';

const folder = useTemporaryFolder();

const SOUND = p.dict({ t: p.tensor({ key: '0', elements: 6, shape: [2, 3] }) });
const sound = () => archiveParts(SOUND, { 0: counting(6) });

interface Refusal {
  code?: string;
  message: string | RegExp;
}

/** Opens the archive and reads everything in it; what it says must also name the file. */
async function refusal(bytes: Uint8Array): Promise<Refusal> {
  const path = join(folder(), 'a.pth');
  await writeFile(path, bytes);
  let archive: PytorchArchive | undefined;
  try {
    archive = await PytorchArchive.open(path);
    for (const name of archive.tensors.keys()) await archive.read(name);
  } catch (error) {
    const { code, message } = error as Refusal & Error;
    expect(message).toContain(path);
    return { code: code!, message };
  } finally {
    await archive?.close();
  }
  throw new Error('it was read');
}

const corrupt = (message: string) => ({ code: 'CORRUPT_FILE', message: expect.stringContaining(message) });
const unsupported = (message: string) => ({ code: 'UNSUPPORTED_FORMAT', message: expect.stringContaining(message) });

/** The sound archive, its parts changed. */
async function changed(change: (part: ZipPart) => ZipPart): Promise<Refusal> {
  return refusal(zipBytes(sound().map(change)));
}

const only = (name: string, change: (part: ZipPart) => Partial<ZipPart>) => (part: ZipPart) =>
  part.name.endsWith(name) ? { ...part, ...change(part) } : part;

async function refusalOf(value: p.Piece): Promise<Refusal> {
  return refusal(archiveBytes(value, { 0: counting(6) }));
}

describe('the zip archive', () => {
  test.each(['../evil', 'archive/../../evil', '/etc/passwd', 'archive\\..\\evil', 'C:/evil', 'archive//evil', 'a/./b'])(
    'an entry whose name leads out of it: %s',
    async (name) => {
      const bytes = zipBytes([...sound(), { name, data: Buffer.from('x') }]);
      expect(await refusal(bytes)).toEqual(corrupt('leads out of the archive'));
    },
  );

  test('compressed entries, a bomb among them, by name', async () => {
    const bomb = deflateRawSync(Buffer.alloc(2 ** 24));
    const compressed = await changed(only('data/0', () => ({ data: bomb, method: 8, claims: 2 ** 32 - 2 })));
    expect(compressed).toEqual(unsupported('"archive/data/0" is compressed'));
    expect(compressed.message).toContain('torch.save');
  });

  test('an entry that is stored and claims to become larger', async () => {
    expect(await changed(only('data/0', () => ({ claims: 2 ** 31 })))).toEqual(corrupt('has two sizes'));
  });

  test('encrypted entries', async () => {
    expect(await changed(only('data/0', () => ({ flags: 1 })))).toEqual(unsupported('is encrypted'));
  });

  test('a cut tail, wherever it is cut', async () => {
    const bytes = zipBytes(sound());
    for (let length = 4; length < bytes.length; length += 13) {
      expect(await refusal(bytes.subarray(0, length))).toMatchObject({ code: 'CORRUPT_FILE' });
    }
    expect(await refusal(bytes.subarray(0, bytes.length - 30))).toEqual(corrupt('truncated'));
  });

  test('bytes after the end, or before it', async () => {
    const bytes = zipBytes(sound());
    expect(await refusal(Buffer.concat([bytes, Buffer.from('x')]))).toEqual(corrupt('no zip directory at its end'));
    const end = bytes.length - 22;
    const inserted = Buffer.concat([bytes.subarray(0, end), Buffer.from('x'), bytes.subarray(end)]);
    expect(await refusal(inserted)).toEqual(corrupt('something was inserted'));
  });

  test('two entries of one name, overlapping entries, headers that contradict the directory', async () => {
    const twice = [...sound(), { name: 'archive/data/0', data: counting(6) }];
    expect(await refusal(zipBytes(twice))).toEqual(corrupt('two entries "archive/data/0"'));
    expect(await changed(only('data/0', () => ({ localName: 'archive/data/1' })))).toEqual(corrupt('contradicts'));
    const bytes = zipBytes(sound());
    const directory = bytes.readUInt32LE(bytes.length - 6);
    // The last entry is said to start where the first one does.
    const last = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    bytes.writeUInt32LE(0, last + 42);
    expect(directory).toBeLessThan(last);
    expect(await refusal(bytes)).toEqual(corrupt('overlaps'));
  });

  test('a wrong checksum, of a storage that is read as it is, in part, and of the pickle', async () => {
    const damage = (part: ZipPart) => ({ crc: 1, data: part.data });
    expect(await changed(only('data/0', damage))).toEqual(corrupt('checksum of its entry "archive/data/0"'));
    expect(await changed(only('data.pkl', damage))).toEqual(corrupt('checksum of its entry "archive/data.pkl"'));
    for (const view of [{ shape: [3, 2], strides: [1, 3] }, { shape: [2] }]) {
      const value = p.dict({ t: p.tensor({ key: '0', elements: 6, ...view }) });
      const parts = archiveParts(value, { 0: counting(6) }).map(only('data/0', damage));
      expect(await refusal(zipBytes(parts))).toEqual(corrupt('checksum of its entry "archive/data/0"'));
    }
  });
});

describe('other formats', () => {
  test('those of old PyTorch, with the way out', async () => {
    const legacy = Buffer.concat([Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex'), p.pickle(p.integer(1001))]);
    const refused = await refusal(legacy);
    expect(refused).toEqual(unsupported('before PyTorch 1.6'));
    expect(refused.message).toContain('torch.save(torch.load(');
    const tar = Buffer.alloc(1024);
    tar.write('ustar', 257);
    expect(await refusal(tar)).toEqual(unsupported('tar archive'));
  });

  test('a bare pickle, an empty file, a text, another zip archive, a TorchScript program, big-endian numbers', async () => {
    expect(await refusal(p.pickle(p.dict({})))).toEqual(unsupported('bare pickle'));
    expect(await refusal(Buffer.alloc(0))).toEqual(corrupt('it is empty'));
    expect(await refusal(Buffer.from('nothing of the kind'))).toEqual(corrupt('does not begin as a zip archive'));
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n';
    expect(await refusal(Buffer.from(pointer))).toEqual(corrupt('Git LFS pointer'));
    expect(await refusal(zipBytes([{ name: 'word/document.xml', data: Buffer.from('x') }]))).toEqual(
      unsupported('without data.pkl'),
    );
    const script = [...sound(), { name: 'archive/constants.pkl', data: p.pickle(p.tuple()) }];
    expect(await refusal(zipBytes(script))).toEqual(unsupported('TorchScript'));
    const code = { name: 'archive/code/model.py', data: Buffer.from('x'), method: 8 };
    expect(await refusal(zipBytes([...sound(), code]))).toEqual(unsupported('TorchScript'));
    expect(await changed(only('byteorder', () => ({ data: Buffer.from('big') })))).toEqual(unsupported('big-endian'));
  });
});

describe('the pickle', () => {
  test.each([
    ['os', 'system'],
    ['posix', 'system'],
    ['builtins', 'eval'],
    ['numpy.core.multiarray', 'scalar'],
    ['torch', 'ShortStorage'],
    ['torch._utils', '_rebuild_tensor_v3'],
    ['torch.nn.modules.linear', 'Linear'],
    ['__proto__', 'constructor'],
  ])('any other global is refused by its name: %s.%s', async (module, name) => {
    const call = p.reduce(p.global(module, name), p.text('touch /tmp/evil'));
    expect(await refusalOf(p.dict({ x: call }))).toEqual(unsupported(`"${module}.${name}"`));
    const stacked = p.join(p.text(module), p.text(name), Buffer.from([0x93]));
    expect(await refusalOf(p.dict({ x: stacked }))).toEqual(unsupported(`"${module}.${name}"`));
  });

  test.each([
    ['INST', Buffer.from('(ios\nsystem\n')],
    ['OBJ', Buffer.from('(o')],
    ['NEWOBJ', p.join(p.global('collections', 'OrderedDict'), p.tuple(), Buffer.from([0x81]))],
    ['EXT1', Buffer.from([0x82, 1])],
    ['NEXT_BUFFER', Buffer.from([0x97])],
  ])('an operation that no state dict needs: %s', async (_, operation) => {
    expect(await refusalOf(p.dict({ x: operation }))).toEqual(corrupt('which no state dict needs'));
  });

  test('calls and attributes of anything but what is allowed', async () => {
    expect(await refusalOf(p.reduce(p.text('f'), p.none))).toEqual(corrupt('it calls a str'));
    expect(await refusalOf(p.reduce(p.global('torch', 'FloatStorage'), p.none))).toEqual(
      corrupt('it calls torch.FloatStorage'),
    );
    expect(await refusalOf(p.build(p.list(), p.dict({})))).toEqual(corrupt('sets attributes of a list'));
    expect(await refusalOf(p.reduce(p.global('collections', 'OrderedDict'), p.none))).toEqual(corrupt('OrderedDict'));
  });

  test('deep nesting, a value inside itself, exponentially many paths', async () => {
    let deep = p.none;
    for (let depth = 0; depth < 5000; depth++) deep = p.list(deep);
    expect(await refusalOf(deep)).toEqual(corrupt('nested more than 32 levels'));
    const cycle = p.join(p.put(0, Buffer.from(']')), p.get(0), Buffer.from('a'));
    expect(await refusalOf(cycle)).toEqual(corrupt('nested more than 32 levels'));
    let wide = p.put(0, p.list(p.none, p.none));
    for (let level = 1; level < 30; level++)
      wide = p.join(wide, p.put(level, p.list(p.get(level - 1), p.get(level - 1))));
    expect(await refusalOf(p.tuple(wide))).toEqual(corrupt('too many values'));
  });

  test('more values than any state dict has', async () => {
    expect(await refusalOf(p.list(Buffer.alloc(3 * 2 ** 20, 0x7d)))).toEqual(corrupt('too many values'));
    expect(await refusalOf(p.list(Buffer.alloc(3 * 2 ** 20, 0x28)))).toEqual(corrupt('too many values'));
  });

  test('texts and numbers longer than the pickle', async () => {
    expect(await refusalOf(Buffer.from([0x58, 0xff, 0xff, 0xff, 0xff]))).toEqual(corrupt('truncated'));
    expect(await refusalOf(Buffer.from([0x8d, ...Buffer.alloc(8, 0xff)]))).toEqual(corrupt('truncated'));
    expect(await refusalOf(Buffer.from([0x8b, 0xff, 0xff, 0xff, 0xff]))).toEqual(corrupt('an integer has'));
  });

  test('memo entries that are not there', async () => {
    expect(await refusalOf(p.get(4_000_000_000))).toEqual(corrupt('refers to value 4000000000'));
  });
});

describe('tensors', () => {
  const view = (description: Partial<p.TensorDescription>) =>
    refusalOf(p.dict({ t: p.tensor({ key: '0', elements: 6, shape: [6], ...description }) }));

  test('views that reach beyond their storage', async () => {
    expect(await view({ shape: [7] })).toEqual(corrupt('needs 7 elements of its storage, which has 6'));
    expect(await view({ offset: 1 })).toEqual(corrupt('needs 7 elements'));
    expect(await view({ shape: [2, 2], strides: [5, 1] })).toEqual(corrupt('needs 7 elements'));
    expect(await view({ shape: [2 ** 40, 2 ** 40] })).toEqual(corrupt('which has 6'));
    expect(await view({ offset: -1 })).toEqual(corrupt('offset'));
    expect(await view({ shape: [2], strides: [-1], offset: 3 })).toEqual(corrupt('strides'));
    expect(await view({ shape: [2], strides: [1, 1] })).toEqual(corrupt('1 axes and 2 strides'));
  });

  test('a few bytes that are expanded to gigabytes', async () => {
    expect(await view({ shape: [2 ** 30], strides: [0] })).toEqual(unsupported('repeats the elements'));
  });

  test('storages that are missing, of another size, or of two dtypes', async () => {
    expect(await view({ key: '9' })).toEqual(corrupt('no entry "archive/data/9"'));
    expect(await view({ key: '../data.pkl' })).toEqual(corrupt('is missing'));
    expect(await view({ elements: 5, shape: [5] })).toEqual(corrupt('takes 20 bytes'));
    const two = p.dict({
      a: p.tensor({ key: '0', elements: 6, shape: [6] }),
      b: p.tensor({ key: '0', type: 'Int', elements: 6, shape: [6] }),
    });
    expect(await refusalOf(two)).toEqual(corrupt('is I32 here and F32 in another tensor'));
  });

  test('two tensors of one name', async () => {
    const t = p.tensor({ key: '0', elements: 6, shape: [6] });
    expect(await refusalOf(p.dict({ 'a.b': t, a: p.dict({ b: t }) }))).toEqual(corrupt('two tensors "a.b"'));
  });
});

test('a folder, and a file that does not exist', async () => {
  await expect(PytorchArchive.open(folder())).rejects.toMatchObject({ code: 'READ_FAILED' });
  await expect(PytorchArchive.open(join(folder(), 'none.pth'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('an archive of more entries than any model has is refused before they are read', async () => {
  const end = endRecords(200_001, 0, 30, { zip64: true });
  const bytes = Buffer.concat([zipBytes(sound()).subarray(0, 30), end]);
  expect(await refusal(bytes)).toEqual(corrupt('it has 200001 entries; at most 200000 are allowed'));
});

test('an archive without data.pkl is refused before the local headers of its entries are read', async () => {
  const parts = [{ name: 'archive/other', data: new Uint8Array(4), localName: 'archive/false' }];
  expect(await refusal(zipBytes(parts))).toEqual(unsupported('without data.pkl'));
});
