import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Name and version of this package, from its package.json. */
export const PACKAGE: { name: string; version: string } = JSON.parse(
  readFileSync(join(__dirname, '..', 'package.json'), 'utf8'),
);
