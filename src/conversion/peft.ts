import { join } from 'node:path';
import { floatDtype, PEFT_CONFIG_FILE, readPeft, writePeft } from '../adapter/index.js';
import { exists } from '../files/index.js';
import type { AdapterFormat } from './adapter-format.js';

export const PEFT: AdapterFormat = {
  name: 'peft',
  what: `a PEFT adapter folder (${PEFT_CONFIG_FILE})`,
  recognises: (path) => exists(join(path, PEFT_CONFIG_FILE)),
  read: readPeft,
  // A folder may have any name: it is the last of the formats.
  isOutput: () => true,
  async write(folder, adapter, { dtype, force, signal, onProgress }) {
    const type = floatDtype(dtype, 'PEFT folders');
    await writePeft(folder, adapter, { dtype: type, force, signal, onProgress });
    return { tensorTypes: { [type]: adapter.tensors.size } };
  },
};
