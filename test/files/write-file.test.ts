import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkFileOutput, writeFileAtomically } from '../../src/files/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();

test('text, bytes and a function are written, into folders that are made on the way', async () => {
  const path = join(folder(), 'a', 'b', 'c.txt');
  await writeFileAtomically(path, 'grüße');
  expect(await readFile(path, 'utf8')).toBe('grüße');
  await writeFileAtomically(path, new Uint8Array([1, 2]));
  expect([...(await readFile(path))]).toEqual([1, 2]);
  await writeFileAtomically(path, async (file) => {
    await file.write(new Uint8Array([3]));
    await file.write(new Uint8Array([4, 5]));
  });
  expect([...(await readFile(path))]).toEqual([3, 4, 5]);
  expect(await readdir(join(folder(), 'a', 'b'))).toEqual(['c.txt']);
});

test('when the writing fails, the old file is still there and nothing else', async () => {
  const path = join(folder(), 'kept.txt');
  await writeFileAtomically(path, 'old');
  const failing = writeFileAtomically(path, async (file) => {
    await file.write(new Uint8Array(1000));
    throw new Error('no more');
  });
  await expect(failing).rejects.toThrow('no more');
  expect(await readFile(path, 'utf8')).toBe('old');
  expect(await readdir(folder())).toEqual(['kept.txt']);
});

test('folders made for a file that could not be written are removed again, folders that were there are not', async () => {
  await mkdir(join(folder(), 'there'));
  const failing = writeFileAtomically(join(folder(), 'there', 'new', 'newer', 'a.txt'), async () => {
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(await readdir(folder(), { recursive: true })).toEqual(['there']);
});

test('an abort before the end leaves nothing and rejects with its reason', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const writing = writeFileAtomically(join(folder(), 'a.txt'), async () => controller.abort(reason), {
    signal: controller.signal,
  });
  await expect(writing).rejects.toBe(reason);
  expect(await readdir(folder())).toEqual([]);
});

test('a path below a file, and a path that is a folder, are not writable', async () => {
  const file = join(folder(), 'file');
  await writeFile(file, '');
  await expect(writeFileAtomically(join(file, 'inner'), '')).rejects.toMatchObject({
    code: 'NOT_WRITABLE',
    message: expect.stringContaining('a file with that name exists'),
  });
  await expect(writeFileAtomically(folder(), '')).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
});

test('what could not be written is known before', async () => {
  const file = join(folder(), 'file');
  await writeFile(file, 'old');
  await checkFileOutput(file);
  await checkFileOutput(join(folder(), 'new', 'inner', 'file'));
  for (const path of [join(file, 'inner', 'file'), folder()])
    await expect(checkFileOutput(path)).rejects.toMatchObject({ code: 'NOT_WRITABLE' });
  expect(await readdir(folder())).toEqual(['file']);
  expect(await readFile(file, 'utf8')).toBe('old');
});

test('a device is not replaced by a file', async () => {
  await expect(writeFileAtomically('/dev/null', 'x')).rejects.toMatchObject({
    code: 'NOT_WRITABLE',
    message: expect.stringContaining('/dev/null cannot be written: it exists and is not a plain file'),
  });
});

test('a symbolic link is replaced, what it points to is left alone', async () => {
  await writeFile(join(folder(), 'elsewhere'), 'old');
  await symlink('elsewhere', join(folder(), 'link'));
  await writeFileAtomically(join(folder(), 'link'), 'new');
  expect(await readFile(join(folder(), 'link'), 'utf8')).toBe('new');
  expect(await readFile(join(folder(), 'elsewhere'), 'utf8')).toBe('old');
});

test('a file with the longest possible name can be written', async () => {
  const path = join(folder(), 'ü'.repeat(127));
  await writeFileAtomically(path, 'x');
  expect(await readFile(path, 'utf8')).toBe('x');
});
