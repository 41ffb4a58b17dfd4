import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFolderAtomically } from '../../../src/files/index.js';

/** Starts writing the named folder, reports it, and never finishes. */
const alive = setInterval(() => {}, 1000);
writeFolderAtomically(process.argv[2]!, { force: true }, async (staging) => {
  await writeFile(join(staging, 'a.txt'), 'half');
  console.log('filling');
  await new Promise(() => {});
}).finally(() => clearInterval(alive));
