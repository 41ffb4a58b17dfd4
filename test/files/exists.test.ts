import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, isFolder, kindOf } from '../../src/files/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const temporary = useTemporaryFolder();

beforeEach(async () => {
  await writeFile(join(temporary(), 'file'), '');
  await mkdir(join(temporary(), 'folder'));
  await symlink(join(temporary(), 'folder'), join(temporary(), 'link'));
  await symlink(join(temporary(), 'nothing'), join(temporary(), 'dangling'));
});

test.each([
  ['file', { exists: true, folder: false, kind: 'file' }],
  ['folder', { exists: true, folder: true, kind: 'folder' }],
  ['link', { exists: true, folder: true, kind: 'folder' }],
  ['dangling', { exists: false, folder: false, kind: undefined }],
  ['nothing', { exists: false, folder: false, kind: undefined }],
  ['file/inside', { exists: false, folder: false, kind: undefined }],
])('%s: %j', async (name, expected) => {
  const path = join(temporary(), name);
  expect({ exists: await exists(path), folder: await isFolder(path), kind: await kindOf(path) }).toEqual(expected);
});

test('kindOf fails if the path cannot be inspected', async () => {
  const path = join(temporary(), 'x'.repeat(5000));
  await expect(kindOf(path)).rejects.toMatchObject({ code: 'READ_FAILED' });
  expect(await exists(path)).toBe(false);
});
