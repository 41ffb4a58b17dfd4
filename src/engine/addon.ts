import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import load = require('node-gyp-build');

import { DndError } from '../errors.js';
import { callNative } from './errors.js';
import type { CpuInfo } from './native.js';
import type { NativeBinding } from './native-binding.js';

const PACKAGE_ROOT = resolve(__dirname, '..', '..');

let loaded: NativeBinding | undefined;

/**
 * The addon, loaded on first use: importing the package never fails for lack of a binary. Throws ADDON_UNAVAILABLE,
 * which lists what was tried and the remedies.
 */
export function addon(): NativeBinding {
  if (loaded) return loaded;
  try {
    loaded = load(PACKAGE_ROOT) as NativeBinding;
  } catch (error) {
    throw unavailable(error);
  }
  return loaded;
}

/** The file of the addon that is or would be loaded. Throws ADDON_UNAVAILABLE if there is none. */
export function addonPath(): string {
  try {
    return load.resolve(PACKAGE_ROOT);
  } catch (error) {
    throw unavailable(error);
  }
}

/** The processor features that the engine detected. Throws ADDON_UNAVAILABLE. */
export function cpuInfo(): CpuInfo {
  return callNative(() => addon().cpuInfo());
}

function unavailable(cause: unknown): DndError {
  const { platform, arch, versions } = process;
  const folder = process.env.DND_LORA_PREBUILD ?? PACKAGE_ROOT;
  const prebuilt = listFolder(join(folder, 'prebuilds'));
  return new DndError(
    'ADDON_UNAVAILABLE',
    `the native engine could not be loaded on ${platform}-${arch}, Node ${versions.node}.
Tried:
  ${join(folder, 'build', 'Release')}: ${describeBinaries(listFolder(join(folder, 'build', 'Release')))}
  ${join(folder, 'prebuilds')}: ${prebuilt.length > 0 ? `binaries for ${prebuilt.join(', ')}` : 'no prebuilt binaries'}
  ${firstLine(cause)}
Ways out:
  - Use a platform with a prebuilt binary${prebuilt.length > 0 ? `: ${prebuilt.join(', ')}` : ' (this copy of the package has none)'}.
  - Build it from source: in a clone of the dnd-lora repository, run "npm install", or "npm run build:native" to build
    only the engine. It needs a C++20 compiler and CMake 3.24 or newer, and says how to install what is missing.
  - Report it, with the output of "npx dnd doctor --json".`,
    { cause },
  );
}

function describeBinaries(files: string[]): string {
  const binaries = files.filter((file) => file.endsWith('.node'));
  return binaries.length > 0 ? binaries.join(', ') : 'no build';
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch {
    return [];
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0]!;
}
