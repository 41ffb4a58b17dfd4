import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const NAME = 'dnd-lora';

const found = findPackage();

/** The folder of this package; undefined inside a bundle, which has the code without the files beside it. */
export const PACKAGE_FOLDER: string | undefined = found?.folder;

/** Name and version of this package, from its package.json. */
export const PACKAGE: { name: string; version: string } = found?.description ?? { name: NAME, version: 'bundled' };

function findPackage(): { folder: string; description: { name: string; version: string } } | undefined {
  // Bundles may leave __dirname undefined, replace it by a text of their own, or put this code into any folder.
  const here = typeof __dirname === 'string' ? __dirname : undefined;
  if (here === undefined) return undefined;
  const folder = resolve(here, '..');
  try {
    const description = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return description.name === NAME ? { folder, description } : undefined;
  } catch {
    return undefined;
  }
}
