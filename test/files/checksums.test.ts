import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { verifyChecksums, writeChecksums, writeFileAtomically } from '../../src/files/index.js';
import { useTemporaryFolder } from '../temporary-folder.js';

const folder = useTemporaryFolder();
const at = (name: string) => join(folder(), name);
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

/** Two files, and the checksums of what was written into them. */
async function write(): Promise<void> {
  const checksums = new Map<string, string>();
  const onWritten = (path: string, sha256: string) => checksums.set(path.slice(folder().length + 1), sha256);
  await writeFileAtomically(at('a'), 'abc', { onWritten });
  const pieces = async (file: { write(bytes: Uint8Array): Promise<void> }) => {
    for (const byte of 'abc') await file.write(Buffer.from(byte));
  };
  await writeFileAtomically(at('b'), pieces, { onWritten });
  expect([...checksums]).toEqual([
    ['a', ABC],
    ['b', ABC],
  ]);
  await writeChecksums(folder(), checksums);
}

test('files that are as they were written are accepted, and so are folders without checksums', async () => {
  await verifyChecksums(folder());
  await write();
  const fractions: number[] = [];
  await verifyChecksums(folder(), { onProgress: (fraction) => fractions.push(fraction) });
  expect(fractions).toEqual([0.5, 1]);
});

test('a file with different bytes is named, unless it is not checked', async () => {
  await write();
  await writeFile(at('b'), 'abd');
  await expect(verifyChecksums(folder())).rejects.toMatchObject({
    code: 'CORRUPT_FILE',
    message: expect.stringContaining(
      `${at('b')}: its bytes are not those that were written; expected SHA-256 ${ABC}, got`,
    ),
  });
  await verifyChecksums(folder(), { only: (name) => name === 'a' });
});

test('a file that is missing, and one that is none, are named', async () => {
  await write();
  await rm(at('a'));
  await expect(verifyChecksums(folder())).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  await mkdir(at('a'));
  await expect(verifyChecksums(folder())).rejects.toMatchObject({ code: 'READ_FAILED' });
});

test('a changed bit anywhere in the checksums themselves is found', async () => {
  await write();
  const path = at('checksums.json');
  const bytes = await readFile(path);
  for (const [index, byte] of bytes.entries()) {
    const changed = Buffer.from(bytes);
    changed[index] = byte ^ (1 << (index % 8));
    await writeFile(path, changed);
    await expect(verifyChecksums(folder())).rejects.toMatchObject({
      code: 'CORRUPT_FILE',
      message: expect.stringContaining(path),
    });
  }
});

test('checksums of a later format, and of files elsewhere, are refused', async () => {
  await writeChecksums(folder(), new Map([['../a', ABC]]));
  await expect(verifyChecksums(folder())).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
  const later = '{"formatVersion":2,"files":{}}';
  const { createHash } = await import('node:crypto');
  const ownSha256 = createHash('sha256').update(later).digest('hex');
  await writeFile(at('checksums.json'), JSON.stringify({ ...JSON.parse(later), ownSha256 }));
  await expect(verifyChecksums(folder())).rejects.toMatchObject({ code: 'NEWER_FORMAT' });
});

test('an abort stops the comparison', async () => {
  await write();
  await expect(verifyChecksums(folder(), { signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
});
