import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';

import findBinary = require('node-gyp-build');

import { PACKAGE_FOLDER } from '../../package.js';

/** Names a file that is loaded instead of the package's own. */
export const ADDON_VARIABLE = 'DND_ADDON';

export interface AddonFile {
  path: string;
  /** The environment variable; the build of a clone; a binary of the published package. */
  from: 'variable' | 'build' | 'prebuild';
}

/** The folder whose `build/Release` and `prebuilds` are searched; undefined inside a bundle. */
export function searchedFolder(): string | undefined {
  return process.env.DND_LORA_PREBUILD || PACKAGE_FOLDER;
}

/** The file of the addon, which may not be loadable. Throws an Error that says why there is none. */
export function findAddon(): AddonFile {
  const named = process.env[ADDON_VARIABLE];
  if (named) {
    const path = resolve(named);
    if (!statSync(path, { throwIfNoEntry: false })?.isFile())
      throw new Error(`${ADDON_VARIABLE} names ${path}, which is not a file`);
    return { path, from: 'variable' };
  }
  const folder = searchedFolder();
  if (folder === undefined) throw new Error('a bundle contains no addon');
  const path = findBinary.resolve(folder);
  return { path, from: path.startsWith(join(folder, 'build')) ? 'build' : 'prebuild' };
}
