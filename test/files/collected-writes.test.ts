import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { CollectedWrites, OpenFile } from '../../src/files/index.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'collected-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('pieces of any size, each reused at once, are in the file in their order', async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.integer({ min: 1, max: 16 }), async (all, bytes) => {
      const path = join(folder, 'file');
      const file = await OpenFile.open(path, 'w');
      const writer = new CollectedWrites(file, bytes);
      const expected = Buffer.concat(all);
      for (const piece of all) {
        const own = new Uint8Array(piece);
        await writer.add(own);
        own.fill(255);
      }
      await writer.end();
      await file.close();
      expect(await readFile(path)).toEqual(expected);
    }),
    { numRuns: 50 },
  );
});

test('an error of an earlier write is that of a later call', async () => {
  const file = await OpenFile.open(join(folder, 'file'), 'r');
  const writer = new CollectedWrites(file, 4);
  await writer.add(new Uint8Array(6));
  await expect(writer.end()).rejects.toMatchObject({ code: 'EBADF' });
  await file.close();
});
