import { callNative } from './errors.js';
import { addonFile, loadAddon } from './loading/load.js';
import type { CpuInfo } from './native.js';
import type { NativeBinding } from './native-binding.js';

let loaded: NativeBinding | undefined;

/**
 * The addon, loaded on first use: importing the package never fails for lack of a binary. Throws ADDON_UNAVAILABLE,
 * which lists what was tried and the remedies.
 */
export function addon(): NativeBinding {
  loaded ??= loadAddon() as NativeBinding;
  return loaded;
}

/** The file of the addon that is or would be loaded. Throws ADDON_UNAVAILABLE if there is none. */
export function addonPath(): string {
  return addonFile().path;
}

/** The processor features that the engine detected. Throws ADDON_UNAVAILABLE. */
export function cpuInfo(): CpuInfo {
  return callNative(() => addon().cpuInfo());
}
