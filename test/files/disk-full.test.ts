import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically, writeFolderAtomically } from '../../src/files/index.js';
import { mountSmallDisk, type SmallDisk } from '../small-disk.js';

const small = mountSmallDisk('size=256k');
const readOnly = mountSmallDisk('size=64k,ro');
const onDisk = (disk: SmallDisk | undefined) => (disk ? test : test.skip);

afterAll(() => {
  small?.unmount();
  readOnly?.unmount();
});

onDisk(small)(
  'a full disk is named, and what was begun is removed (skipped where tmpfs cannot be mounted)',
  async () => {
    const path = join(small!.folder, 'new', 'big.bin');
    await expect(writeFileAtomically(path, new Uint8Array(2 ** 20))).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: `${path} cannot be written: the disk is full (1.0 MB needed, 0.3 MB free); free some space there or write somewhere else`,
    });
    const writing = writeFolderAtomically(join(small!.folder, 'out'), {}, async (staging) => {
      await writeFile(join(staging, 'a.bin'), new Uint8Array(2 ** 20));
    });
    await expect(writing).rejects.toMatchObject({ code: 'DISK_FULL' });
    const file = join(small!.folder, 'out', 'a.bin');
    const writingFile = writeFolderAtomically(join(small!.folder, 'out'), {}, (staging) =>
      writeFileAtomically(join(staging, 'a.bin'), (opened) => opened.write(new Uint8Array(2 ** 20)), {
        expectedBytes: 2 ** 20,
      }),
    );
    await expect(writingFile).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining(`${file} cannot be written: the disk is full (1.0 MB needed, 0.3 MB free)`),
    });
    expect(await readdir(small!.folder)).toEqual([]);
  },
);

onDisk(small)('where a file system is mounted no folder can be put, only inside', async () => {
  const writing = writeFolderAtomically(small!.folder, {}, async () => {});
  await expect(writing).rejects.toMatchObject({
    code: 'NOT_WRITABLE',
    message: expect.stringContaining('choose a folder inside it'),
  });
  await writeFolderAtomically(join(small!.folder, 'inside'), {}, (staging) => mkdir(join(staging, 'x')));
  expect(await readdir(join(small!.folder, 'inside'))).toEqual(['x']);
});

onDisk(readOnly)('a read-only file system is not writable (skipped where tmpfs cannot be mounted)', async () => {
  const writing = writeFolderAtomically(join(readOnly!.folder, 'out'), {}, async () => {});
  await expect(writing).rejects.toMatchObject({
    code: 'NOT_WRITABLE',
    message: expect.stringContaining('the file system is read-only'),
  });
});
