import { join } from 'node:path';

/** Of the repository. */
export const ROOT = join(__dirname, '../..');
