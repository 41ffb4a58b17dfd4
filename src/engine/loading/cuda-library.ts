import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PACKAGE, PACKAGE_FOLDER } from '../../package.js';
import { addonFile } from './load.js';

const VARIABLE = 'DND_CUDA_LIBRARY';
const FILE = 'libdnd_cuda.so';

/** The npm package that contains the library for one platform. */
const CUDA_PACKAGE = `@dnd-lora/cuda-${process.platform}-${process.arch}`;
/** Those that exist. */
const PACKAGED = ['@dnd-lora/cuda-linux-x64'];

export interface CudaLibrary {
  path: string;
  /** 'DND_CUDA_LIBRARY', 'beside the addon' or '@dnd-lora/cuda-linux-x64 0.1.0'. */
  from: string;
}

/**
 * The CUDA library that is used: that of `DND_CUDA_LIBRARY`, else that beside the addon, else that of the package for this
 * platform, looked for from dnd-lora itself and never from the working folder, because it is code.
 */
export function findCudaLibrary(): CudaLibrary | { problem: string; path: string } {
  const named = process.env[VARIABLE];
  if (named) return { path: named, from: VARIABLE };
  const addon = addonFile().path;
  const beside = join(dirname(addon), FILE);
  if (existsSync(beside)) return { path: beside, from: 'beside the addon' };
  const folder = packageFolder(PACKAGE_FOLDER ?? dirname(addon));
  if (folder === undefined) return { path: beside, problem: missing(`${beside} is not there`) };
  const path = join(folder, FILE);
  const version = versionOf(folder);
  if (existsSync(path)) return { path, from: `${CUDA_PACKAGE} ${version}` };
  return { path, problem: missing(`${CUDA_PACKAGE} is installed in ${folder} without its ${FILE}`) };
}

/** What to do about a library of a package of another version; undefined otherwise. */
export function otherVersion({ from }: CudaLibrary): string | undefined {
  const isPackaged = from.startsWith(`${CUDA_PACKAGE} `);
  if (!isPackaged || from === `${CUDA_PACKAGE} ${PACKAGE.version}`) return undefined;
  return `${from} is installed beside dnd-lora ${PACKAGE.version}: npm install ${CUDA_PACKAGE}@${PACKAGE.version}`;
}

function missing(what: string): string {
  const install = PACKAGED.includes(CUDA_PACKAGE) ? `npm install ${CUDA_PACKAGE}@${PACKAGE.version}, or ` : '';
  return `there is no CUDA library (${what}): ${install}build dnd-lora from source on a machine with nvcc 13, or set ${VARIABLE} to the path of one`;
}

/** As Node looks for packages, links included; `exports` of its package.json cannot hide it. */
function packageFolder(from: string): string | undefined {
  for (const modules of createRequire(join(from, 'package.json')).resolve.paths(CUDA_PACKAGE) ?? []) {
    const folder = join(modules, CUDA_PACKAGE);
    if (existsSync(join(folder, 'package.json'))) return folder;
  }
  return undefined;
}

function versionOf(folder: string): string {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
}
