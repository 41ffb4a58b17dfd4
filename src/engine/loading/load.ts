import { createRequire } from 'node:module';
import type { DndError } from '../../errors.js';
import { type AddonFile, findAddon } from './find.js';
import { currentRuntime } from './runtime.js';
import { crashOf } from './trial.js';
import { unavailable } from './unavailable.js';

/** The exports of the addon. Throws ADDON_UNAVAILABLE: what was tried, and the ways out. */
export function loadAddon(): unknown {
  const file = addonFile();
  // A build was made on this machine, for this machine: it is not tried first.
  const crash = file.from === 'build' ? undefined : crashOf(file.path);
  if (crash !== undefined) throw failure({ file, crash });
  try {
    // Not this module's own `require`, which bundlers replace.
    return createRequire(file.path)(file.path);
  } catch (cause) {
    throw failure({ file, cause });
  }
}

/** The file that is or would be loaded. Throws ADDON_UNAVAILABLE if there is none. */
export function addonFile(): AddonFile {
  try {
    return findAddon();
  } catch (cause) {
    throw failure({ cause });
  }
}

function failure(attempt: { file?: AddonFile; cause?: unknown; crash?: string }): DndError {
  return unavailable({ ...attempt, runtime: currentRuntime() });
}
