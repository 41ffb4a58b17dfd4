import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFolderAtomically } from '../../../src/files/index.js';

/** Replaces the folder that is named many times, as others do at the same time. */
async function main() {
  const [, , path, name] = process.argv as [string, string, string, string];
  for (let round = 0; round < 40; round++) {
    await writeFolderAtomically(path, { force: true, marker: 'one.txt' }, async (staging) => {
      for (const file of ['one.txt', 'two.txt']) await writeFile(join(staging, file), `${name} ${round}`);
    });
    // Nothing else may be there than what one of the processes has written.
    const one = await readFile(join(path, 'one.txt'), 'utf8').catch(() => 'absent for a moment');
    if (!/^(\w+ \d+|absent for a moment)$/.test(one)) throw new Error(one);
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
