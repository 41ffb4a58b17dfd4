import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFolderAtomically } from '../../../src/files/index.js';

/** Begins to write the folder that is named, tells so, and never ends. */
const alive = setInterval(() => {}, 1000);
writeFolderAtomically(process.argv[2]!, { force: true }, async (staging) => {
  await writeFile(join(staging, 'a.txt'), 'half');
  console.log('filling');
  await new Promise(() => {});
}).finally(() => clearInterval(alive));
