import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically, writeFolderAtomically } from '../../src/files/index.js';
import { mountSmallDisk } from '../small-disk.js';

const small = mountSmallDisk('size=256k');
const readOnly = mountSmallDisk('size=64k,ro');

afterAll(() => {
  small.unmount();
  readOnly.unmount();
});

test('a full disk is named, and partial output is removed', async () => {
  const path = join(small.folder, 'new', 'big.bin');
  await expect(writeFileAtomically(path, new Uint8Array(2 ** 20))).rejects.toMatchObject({
    code: 'DISK_FULL',
    message: expect.stringMatching(
      new RegExp(`^${path} cannot be written: the disk is full \\(1\\.05 MB needed, .* free\\); free some space there`),
    ),
  });
  const writing = writeFolderAtomically(join(small.folder, 'out'), {}, async (staging) => {
    await writeFile(join(staging, 'a.bin'), new Uint8Array(2 ** 20));
  });
  await expect(writing).rejects.toMatchObject({ code: 'DISK_FULL' });
  const file = join(small.folder, 'out', 'a.bin');
  const writingFile = writeFolderAtomically(join(small.folder, 'out'), {}, (staging) =>
    writeFileAtomically(join(staging, 'a.bin'), (opened) => opened.write(new Uint8Array(2 ** 20)), {
      expectedBytes: 2 ** 20,
    }),
  );
  await expect(writingFile).rejects.toMatchObject({
    code: 'DISK_FULL',
    message: expect.stringContaining(`${file} cannot be written: the disk is full (1.05 MB needed, `),
  });
  expect(await readdir(small.folder)).toEqual([]);
});

test('where a file system is mounted no folder can be put, only inside', async () => {
  const mounted = process.platform === 'linux' ? '/proc' : '/dev';
  const writing = writeFolderAtomically(mounted, {}, async () => {});
  await expect(writing).rejects.toMatchObject({
    code: 'NOT_WRITABLE',
    message: expect.stringContaining('Choose a folder inside it'),
  });
  await writeFolderAtomically(join(small.folder, 'inside'), {}, (staging) => mkdir(join(staging, 'x')));
  expect(await readdir(join(small.folder, 'inside'))).toEqual(['x']);
});

test('a read-only file system is not writable', async () => {
  const writing = writeFolderAtomically(join(readOnly.folder, 'out'), {}, async () => {});
  await expect(writing).rejects.toMatchObject({
    code: 'NOT_WRITABLE',
    message: expect.stringContaining('the file system is read-only'),
  });
});
