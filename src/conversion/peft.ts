import { join } from 'node:path';
import { floatDtype, PEFT_CONFIG_FILE, readPeft, searchAdapter, writePeft } from '../adapter/index.js';
import { checkFolderOutput, exists, isFolder } from '../files/index.js';
import type { AdapterFormat } from './adapter-format.js';
import { isFileName } from './output-rules.js';

/** Also a folder with something that `readPeft` refuses by name. */
async function recognises(path: string): Promise<boolean> {
  if (await exists(join(path, PEFT_CONFIG_FILE))) return true;
  if (!(await isFolder(path))) return false;
  const search = await searchAdapter(path);
  return search.kind !== 'none' || search.saw !== 'nothing';
}

export const PEFT: AdapterFormat = {
  name: 'peft',
  what: `a PEFT adapter folder (${PEFT_CONFIG_FILE})`,
  written: 'a PEFT folder',
  recognises,
  read: (path, { onNotice, ...operation }) => readPeft(path, { ...operation, onWarning: onNotice }),
  // A folder may have any other name: it is the last of the formats.
  isOutput: (path) => !isFileName(path),
  check: (path, force) => checkFolderOutput(path, { force, marker: PEFT_CONFIG_FILE }),
  async write(folder, adapter, { dtype, force, signal, onProgress }) {
    const type = floatDtype(dtype, 'PEFT folders');
    await writePeft(folder, adapter, { dtype: type, force, signal, onProgress });
    return { tensorTypes: { [type]: adapter.tensors.size } };
  },
};
